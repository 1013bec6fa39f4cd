// Keeps the figures of the staff's page fresh while somebody looks at it; a box stops it. Without this script the
// page's own link does the same.

const box = document.querySelector('[data-refresh]');
const figures = document.querySelector('[data-live-figures]');
box.closest('[hidden]').hidden = false;

async function refresh() {
  // Nobody looks, or somebody reads: a selection or a focus inside would be lost.
  const busy = document.hidden || figures.contains(document.activeElement) || !getSelection().isCollapsed;
  if (!box.checked || busy) return;
  const answer = await fetch(location.pathname, { headers: { accept: 'text/html' }, redirect: 'error' });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.querySelector('[data-live-figures]');
  if (!fresh) return;
  const scrolled = [...figures.querySelectorAll('.table-scroll')].map((table) => table.scrollLeft);
  figures.replaceChildren(...fresh.children);
  figures.querySelectorAll('.table-scroll').forEach((table, index) => { table.scrollLeft = scrolled[index] ?? 0; });
}

setInterval(() => refresh().catch(() => {}), 1000 * Number(box.dataset.refresh));
