// Passkeys: the browser's part. A form that asks for one shows itself where the browser knows how to give it, and is
// sent with the answer. Without this script the password does the same.

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** The options of the server with bytes where browsers want them; `parseRequestOptionsFromJSON` is too young to be counted on. */
function read(options) {
  const listed = (list = []) => list.map((one) => ({ ...one, id: bytes(one.id) }));
  const read = { ...options, challenge: bytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) read.allowCredentials = listed(options.allowCredentials);
  if (options.excludeCredentials) read.excludeCredentials = listed(options.excludeCredentials);
  return read;
}

/** A credential as JSON (Web Authentication, level 3, § 5.1). */
function told({ id, rawId, type, response }) {
  const said = {};
  for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (response[name]) said[name] = text(response[name]);
  }
  if (response.getTransports) said.transports = response.getTransports();
  return JSON.stringify({ id, rawId: text(rawId), type, response: said, clientExtensionResults: {} });
}

function ask(form, more = {}) {
  const publicKey = read(JSON.parse(form.dataset.options));
  return navigator.credentials[form.dataset.passkey]({ publicKey, ...more });
}

function send(form, credential) {
  form.elements.reponse.value = told(credential);
  form.submit();
}

async function offer(form) {
  const fault = form.querySelector('.field-fault');
  let waiting;
  form.hidden = false;
  form.querySelector('button[type=button]')?.addEventListener('click', () => form.requestSubmit());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    waiting?.abort();
    fault.hidden = true;
    try {
      send(form, await ask(form));
    } catch (error) {
      fault.textContent = (error.name === 'InvalidStateError' && form.dataset.known) || form.dataset.cancelled;
      fault.hidden = false;
    }
  });
  // Among what the browser proposes for the address: nobody is asked before they look there.
  if ('offered' in form.dataset && await PublicKeyCredential.isConditionalMediationAvailable?.()) {
    waiting = new AbortController();
    ask(form, { mediation: 'conditional', signal: waiting.signal }).then((credential) => send(form, credential), () => {});
  }
}

if (window.PublicKeyCredential && navigator.credentials) {
  for (const note of document.querySelectorAll('[data-without-passkeys]')) note.hidden = true;
  for (const form of document.querySelectorAll('form[data-passkey]')) offer(form);
}
