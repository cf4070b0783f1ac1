// Stands in for Stripe.js with a Payment Element: one plain input, and this server pays or declines.
const from = new URL(document.currentScript.src).origin;
const tell = (what, body) => fetch(`${from}/_test/${what}`, { method: "POST", body: JSON.stringify(body) });

window.Stripe = (key, { locale }) => {
  const input = Object.assign(document.createElement("input"), { ariaLabel: `Card number (${locale})` });
  let intent;
  return {
    elements: ({ clientSecret, appearance }) => {
      intent = clientSecret.split("_secret_")[0];
      input.dataset.theme = appearance.theme;
      const listeners = {};
      return {
        update: (changes) => Object.assign(input.dataset, { theme: changes.appearance.theme }),
        create: () => ({
          on: (event, listener) => Object.assign(listeners, { [event]: listener }),
          mount: (place) => {
            place.append(input);
            listeners.ready();
          },
        }),
      };
    },
    confirmPayment: async ({ confirmParams }) => {
      if (input.value.endsWith("0002")) {
        await tell("stripe.decline", { reference: intent });
        return { error: { type: "card_error", message: "Your card was declined." } };
      }
      await tell("stripe.pay", { reference: intent });
      window.location.assign(`${confirmParams.return_url}?payment_intent=${intent}&redirect_status=succeeded`);
      return new Promise(() => {});
    },
  };
};
