// Asks the browser for a passkey, and sends what it answers. Without this script, or in a browser that knows no
// passkeys, the form says so and keeps its button hidden.

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const known = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

async function create({ publicKey }, isPasswordless) {
  const options = {
    ...publicKey,
    challenge: bytes(publicKey.challenge),
    user: { ...publicKey.user, id: bytes(publicKey.user.id) },
    excludeCredentials: known(publicKey.excludeCredentials),
  };
  options.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: isPasswordless ? "required" : "discouraged",
    requireResidentKey: isPasswordless,
    ...(isPasswordless ? { userVerification: "required" } : {}),
  };
  const made = await navigator.credentials.create({ publicKey: options });
  return plain(made, {
    attestationObject: text(made.response.attestationObject),
    transports: made.response.getTransports?.() ?? [],
  });
}

async function get({ publicKey }) {
  const options = {
    ...publicKey,
    challenge: bytes(publicKey.challenge),
    allowCredentials: known(publicKey.allowCredentials),
  };
  const shown = await navigator.credentials.get({ publicKey: options });
  const { authenticatorData, signature, userHandle } = shown.response;
  return plain(shown, {
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    userHandle: userHandle ? text(userHandle) : null,
  });
}

const plain = (credential, response) => ({
  type: credential.type,
  id: credential.id,
  rawId: text(credential.rawId),
  authenticatorAttachment: credential.authenticatorAttachment,
  clientExtensionResults: credential.getClientExtensionResults(),
  response: { clientDataJSON: text(credential.response.clientDataJSON), ...response },
});

async function optionsOf(form) {
  const given = form.querySelector("#passkey-options");
  if (given) return JSON.parse(given.textContent);
  const response = await fetch(form.action, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${response.status}`);
  return (await response.json()).request_options;
}

async function answer(form) {
  const options = await optionsOf(form);
  if (form.dataset.passkey !== "create") return get(options);
  return create(options, form.querySelector("[name=passwordless]")?.checked ?? false);
}

function prepare(form) {
  const button = form.querySelector("[data-passkey-button]");
  const failed = form.querySelector("[data-passkey-failed]");
  form.hidden = false;
  form.querySelector("[data-passkey-missing]")?.setAttribute("hidden", "");
  button.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    failed.hidden = true;
    try {
      form.querySelector("[name=credential]").value = JSON.stringify(await answer(form));
      form.submit();
    } catch (error) {
      // The reader gave up, or the browser found no passkey that fits.
      console.warn(error);
      failed.hidden = false;
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) prepare(form);
}
