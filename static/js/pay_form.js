// The form around a provider's fields, the same for each: its button, what it says, and coming back to the page.

const form = document.querySelector("[data-pay]");
const fields = form.querySelector("[data-pay-fields]");
const button = form.querySelector("[data-pay-button]");
const error = form.querySelector("[data-pay-error]");
const label = button.textContent;
const text = (name) => form.querySelector(`[data-pay-${name}]`).innerHTML;

export const widget = JSON.parse(document.getElementById("pay-widget").textContent);
export const language = document.documentElement.lang;
export { fields };

export function ready() {
  fields.removeAttribute("aria-busy");
  button.disabled = false;
}

export function say(message) {
  error.textContent = message || text("failed");
  error.hidden = false;
}

export function unloaded() {
  fields.removeAttribute("aria-busy");
  fields.hidden = true;
  button.hidden = true;
  say(text("unloaded"));
}

// Colours of the page as they are now, light or dark.
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// `pay` returns what to tell the fan, null if there is nothing to tell; undefined if the page is left.
export function payBy(pay) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    error.hidden = true;
    button.disabled = true;
    button.textContent = text("busy");
    let said;
    try {
      said = await pay();
    } catch {
      said = text("failed");
    }
    if (said === undefined) return;
    button.disabled = false;
    button.textContent = label;
    if (said !== null) say(said);
  });
}

// Who comes back by the browser's button sees how it stands now.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
