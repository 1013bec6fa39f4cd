// Forms, made kinder: a draft that outlives the page, and a proof of work nobody has to think of. Without this
// script, or where the browser refuses storage, forms are sent all the same.

const DAY = 86_400_000;
const BATCH = 500;

/** The fields that a draft holds: what is typed in the open, never a password or what is hidden. */
const open = (form) => [...form.elements].filter((field) => field.matches('textarea, input:is([type=text], [type=email], [type=tel])') && !field.closest('.trap'));

/** What the tab remembers under a name; nothing when it is older than a day, broken, or refused. */
function recalled(key) {
  try {
    const { at, values } = JSON.parse(sessionStorage.getItem(key)) ?? {};
    if (Date.now() - at < DAY) return values;
    sessionStorage.removeItem(key);
  } catch { /* no storage, no draft */ }
  return null;
}

function keep(key, values) {
  try {
    if (values) sessionStorage.setItem(key, JSON.stringify({ at: Date.now(), values }));
    else sessionStorage.removeItem(key);
  } catch { /* no storage, no draft */ }
}

function draft(form) {
  const key = form.dataset.draft;
  const note = form.querySelector('.draft');
  const fields = open(form);
  const values = recalled(key);
  if (values && fields.every((field) => !field.value)) {
    for (const field of fields) field.value = values[field.name] ?? '';
    const clear = document.createElement('button');
    clear.type = 'button';
    clear.textContent = note.dataset.clear;
    clear.addEventListener('click', () => {
      keep(key);
      for (const field of fields) field.value = '';
      note.textContent = note.dataset.cleared;
      fields[0].focus();
    });
    note.replaceChildren(note.dataset.restored, clear);
  }
  form.addEventListener('input', () => {
    const typed = Object.fromEntries(fields.map((field) => [field.name, field.value]).filter(([, value]) => value));
    keep(key, Object.keys(typed).length ? typed : null);
  });
}

/** The number whose hash, after the salt, is the challenge (altcha.org), in turns that leave the page alive. */
async function solution({ algorithm, challenge, maxnumber, salt }) {
  const [high, low] = [challenge.slice(0, 8), challenge.slice(8, 16)].map((hex) => parseInt(hex, 16));
  const text = new TextEncoder();
  for (let from = 0; from <= maxnumber; from += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, step) => from + step);
    const hashes = await Promise.all(numbers.map((number) => crypto.subtle.digest(algorithm, text.encode(salt + number))));
    const found = hashes.map((hash) => new DataView(hash)).findIndex((hash) => hash.getUint32(0) === high && hash.getUint32(4) === low);
    if (found >= 0) return from + found;
  }
  return null;
}

async function prove(form) {
  const asked = await (await fetch('/altcha/defi')).json();
  const { algorithm, challenge, salt, signature } = asked;
  const number = await solution(asked);
  const proof = document.createElement('input');
  proof.type = 'hidden';
  proof.name = 'altcha';
  proof.value = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
  form.append(proof);
}

for (const form of document.querySelectorAll('form[data-draft]')) draft(form);
for (const form of document.querySelectorAll('form[data-proof]')) {
  form.addEventListener('focusin', () => prove(form).catch(() => {}), { once: true });
}
for (const done of document.querySelectorAll('[data-draft-done]')) keep(done.dataset.draftDone);
