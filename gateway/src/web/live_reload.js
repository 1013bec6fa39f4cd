// Takes over what changed in the open page without losing where its reader is, and shows what is at fault.
const events = new EventSource('/-/rechargement');

events.onmessage = async (event) => {
  const news = JSON.parse(event.data);
  show(news.fault);
  const here = decodeURI(location.pathname);
  if (!news.fault && (news.all || news.paths.includes(here))) await take();
};

async function take() {
  const answer = await fetch(location.href, { cache: 'no-store' });
  if (!answer.ok) return location.reload();
  const next = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const scripts = (page) => [...page.scripts].map((script) => script.src).join();
  if (scripts(next) !== scripts(document)) return location.reload();
  document.title = next.title;
  const sheets = (page) => [...page.querySelectorAll('link[rel="stylesheet"]')];
  sheets(document).forEach((sheet, at) => {
    const other = sheets(next)[at];
    if (other && other.getAttribute('href') !== sheet.getAttribute('href')) sheet.setAttribute('href', other.getAttribute('href'));
  });
  morph(document.body, next.body);
}

// Only what differs is replaced: scroll, open details, what is being typed stay.
function morph(now, next) {
  const [old, fresh] = [[...now.childNodes], [...next.childNodes]];
  fresh.forEach((node, at) => {
    const there = old[at];
    if (!there) now.append(node);
    else if (there.isEqualNode(node)) return;
    else if (there.nodeType === 1 && node.nodeType === 1 && there.cloneNode().isEqualNode(node.cloneNode())) morph(there, node);
    else there.replaceWith(node);
  });
  old.slice(fresh.length).forEach((node) => node.id !== 'aops-fault' && node.remove());
}

function show(fault) {
  document.getElementById('aops-fault')?.remove();
  if (!fault) return;
  const box = document.createElement('pre');
  box.id = 'aops-fault';
  box.setAttribute('role', 'alert');
  box.textContent = fault;
  box.style.cssText = 'position:fixed;inset:auto 0 0 0;z-index:9999;margin:0;padding:1rem;max-height:60vh;overflow:auto;'
    + 'background:#2b0b0b;color:#ffe9e4;font:14px/1.45 ui-monospace,monospace;white-space:pre;border-top:4px solid #ff6b4a';
  document.body.append(box);
}
