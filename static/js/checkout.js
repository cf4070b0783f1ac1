// The checkout: its clock, what it tells the fan's other tabs, and what it says while there is no network.

import "./countdown.js";
import { tellHeld } from "./other_tabs.js";

const form = document.getElementById("pay-form");

if (form) {
  tellHeld(form.dataset.heldSeats.split(",").filter(Boolean));
}
