// The checkout: its clock, and what it tells the fan's other tabs.

import "./countdown.js";
import { tellHeld } from "./other_tabs.js";

const form = document.getElementById("pay-form");

if (form) {
  tellHeld(form.dataset.heldSeats.split(",").filter(Boolean));
}
