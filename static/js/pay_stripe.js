// Stripe's fields: the Payment Element, whose inputs lie in frames of Stripe's. https://docs.stripe.com/js
// An emulator that has none of it gets by with the card's own element.

import { colour, fields, language, payBy, ready, unloaded, widget } from "./pay_form.js";

const appearance = () => ({
  theme: matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "stripe",
  variables: {
    colorPrimary: colour("accent"),
    colorBackground: colour("card"),
    colorText: colour("ink"),
    colorTextSecondary: colour("soft"),
    colorDanger: colour("bad"),
    borderRadius: "10px",
    fontSizeBase: "16px",
  },
});

// How it ended, the page with what became of it knows; only a card that was turned down can be tried anew here.
function told(error) {
  const status = error.payment_intent?.status;
  if (["succeeded", "processing", "canceled"].includes(status)) window.location.assign(widget.returnUrl);
  else return ["card_error", "validation_error"].includes(error.type) ? error.message : "";
}

function withPaymentElement(stripe) {
  const elements = stripe.elements({ clientSecret: widget.secret, appearance: appearance() });
  const element = elements.create("payment", { layout: "tabs" });
  element.on("ready", ready);
  element.on("loaderror", unloaded);
  element.mount(fields);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => elements.update({ appearance: appearance() }));
  payBy(async () => {
    const { error } = await stripe.confirmPayment({ elements, confirmParams: { return_url: widget.returnUrl } });
    return error ? told(error) : undefined;
  });
}

function withCardElement(stripe) {
  const card = stripe.elements().create("card");
  fields.classList.add("plain");
  card.mount(fields);
  ready();
  payBy(async () => {
    const { error } = await stripe.confirmCardPayment(widget.secret, { payment_method: { card } });
    if (error) return error.message ?? "";
    window.location.assign(widget.returnUrl);
  });
}

if (typeof window.Stripe === "function") {
  const stripe = window.Stripe(widget.key, { locale: language });
  (typeof stripe.confirmPayment === "function" ? withPaymentElement : withCardElement)(stripe);
} else {
  unloaded();
}
