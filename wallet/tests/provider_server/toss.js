// Stands in for Toss Payments' widget: two boxes to tick, and this server has the fan come back with a payment.
const from = new URL(document.currentScript.src).origin;
const tell = (what, body) => fetch(`${from}/_test/${what}`, { method: "POST", body: JSON.stringify(body) });

const box = (selector, text) => {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "checkbox" });
  label.append(input, ` ${text}`);
  document.querySelector(selector).append(label);
  return input;
};

window.TossPayments = () => ({
  widgets: () => {
    let amount, fails;
    return {
      setAmount: async (given) => (amount = given.value),
      renderPaymentMethods: async ({ selector }) => (fails = box(selector, "A card that fails")),
      renderAgreement: async ({ selector }) => box(selector, "I agree"),
      requestPayment: async ({ orderId, successUrl, failUrl }) => {
        if (fails.checked) {
          window.location.assign(`${failUrl}?code=REJECT_CARD_COMPANY&message=%3Cb%3Eno&orderId=${orderId}`);
        } else {
          const returned = await (await tell("toss.begin", { reference: orderId, amount })).json();
          window.location.assign(`${successUrl}?${new URLSearchParams(returned)}`);
        }
        return new Promise(() => {});
      },
    };
  },
});
window.TossPayments.ANONYMOUS = "ANONYMOUS";
