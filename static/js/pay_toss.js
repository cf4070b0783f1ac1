// Toss Payments' widget, or its window where the keys are not the widget's. https://docs.tosspayments.com/sdk/v2/js
// Nothing is taken here: the fan is sent back to us with a payment, which the server confirms.

import { fields, payBy, ready, say, unloaded, widget } from "./pay_form.js";

const amount = { currency: "KRW", value: widget.amount };
// Who doesn't get through comes back to this page.
const request = {
  orderId: widget.order,
  orderName: widget.name,
  successUrl: widget.returnUrl,
  failUrl: window.location.origin + window.location.pathname,
};
// The fan closed the window: nothing to tell.
const CLOSED = ["USER_CANCEL", "PAY_PROCESS_CANCELED"];

async function begin(toss) {
  const customerKey = window.TossPayments.ANONYMOUS;
  if (!widget.key.includes("_gck_")) {
    const payment = toss.payment({ customerKey });
    fields.hidden = true;
    return () => payment.requestPayment({ method: "CARD", amount, ...request });
  }
  const widgets = toss.widgets({ customerKey });
  fields.id = "pay-methods";
  document.querySelector("[data-pay-agreement]").id = "pay-agreement";
  await widgets.setAmount(amount);
  await Promise.all([
    widgets.renderPaymentMethods({ selector: "#pay-methods", variantKey: "DEFAULT" }),
    widgets.renderAgreement({ selector: "#pay-agreement", variantKey: "AGREEMENT" }),
  ]);
  return () => widgets.requestPayment(request);
}

async function start() {
  if (typeof window.TossPayments !== "function") throw new Error("no widget");
  const pay = await begin(window.TossPayments(widget.key));
  ready();
  payBy(async () => {
    try {
      await pay();
      return undefined;
    } catch (error) {
      return CLOSED.includes(error.code) ? null : (error.message ?? "");
    }
  });
}

start().catch(unloaded);
const code = new URLSearchParams(window.location.search).get("code");
if (code && !CLOSED.includes(code)) say("");
