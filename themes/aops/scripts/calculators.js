// Answers as one types: asks the server for the page that the form would lead to, and shows its result here. The
// figures are the server's; without this script the form does the same.

const form = document.querySelector('form[data-live]');
const region = document.querySelector('.live');
const touched = new Set();
let running;
let timer;
let resume = 0;

function address(fields) {
  const to = new URL(form.action);
  if (form.method === 'get') to.search = new URLSearchParams(fields);
  return to;
}

async function compute() {
  running?.abort();
  running = new AbortController();
  const fields = new FormData(form);
  const posts = form.method === 'post';
  const answer = await fetch(address(fields), {
    signal: running.signal,
    ...(posts && { method: 'POST', body: new URLSearchParams(fields) }),
  });
  if (answer.status === 429) {
    resume = Date.now() + 1000 * (Number(answer.headers.get('retry-after')) || 5);
    later(resume - Date.now());
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  mark(page);
  const result = page.querySelector('.result');
  if (result) region.replaceChildren(result);
  if (result && !posts) history.replaceState(null, '', address(fields));
}

/** Shows the faults of the fields that were touched, beside them; the others wait. */
function mark(page) {
  for (const field of form.elements) {
    if (!touched.has(field.name)) continue;
    const id = `${field.id}-erreur`;
    const fault = page.getElementById(id);
    document.getElementById(id)?.remove();
    field.toggleAttribute('aria-invalid', Boolean(fault));
    if (fault) field.setAttribute('aria-invalid', 'true');
    const described = (field.getAttribute('aria-describedby') ?? '').split(' ').filter((name) => name && name !== id);
    if (fault) described.push(id);
    if (described.length) field.setAttribute('aria-describedby', described.join(' '));
    else field.removeAttribute('aria-describedby');
    if (fault) field.closest('.field').append(fault);
  }
  const places = page.getElementById('triangle-fautes');
  document.getElementById('triangle-fautes')?.remove();
  if (places && touched.has('triangle')) form.elements.triangle.closest('.field').after(places);
}

function later(wait) {
  clearTimeout(timer);
  // A server that cannot be reached is no fault of what was typed: the button still tells.
  timer = setTimeout(() => compute().catch(() => {}), Math.max(wait, resume - Date.now()));
}

form?.addEventListener('input', ({ target }) => {
  touched.add(target.name);
  later(250);
});
