// Asks once, keeps nothing by itself (the server does, in a cookie that no script reads), and opens the frames in
// which what was accepted runs. Without an answer of the server nothing is asked and nothing runs.

const template = document.getElementById('consentement');
const { version, script, client, cookiesVersion, services: known = '' } = template.dataset;
const signal = navigator.globalPrivacyControl === true || navigator.doNotTrack === '1';
const query = signal ? '?signal' : '';
const channel = globalThis.BroadcastChannel && new BroadcastChannel('consentement');
let state = { services: [] };
let banner;
let panel;
let frame;
let before;

async function refresh() {
  const answer = await fetch(`/consentement${query}`, { headers: { accept: 'application/json' } });
  if (!answer.ok) return;
  const { services: held } = state;
  state = await answer.json();
  if (state.ask && !script) ask();
  else end();
  fill();
  run(held);
}

/** Starts what is newly accepted and ends what no longer is. */
function run(held) {
  if (held.join() !== state.services.join()) {
    frame?.remove();
    frame = undefined;
  }
  if (state.frame && !frame && !('private' in template.dataset)) {
    frame = document.createElement('iframe');
    frame.hidden = true;
    frame.title = 'services';
    frame.src = `/consentement/services${query}`;
    document.body.append(frame);
  }
  for (const link of document.querySelectorAll('a[data-embed]')) {
    const player = link.closest('figure').querySelector('iframe');
    if (state.services.includes(link.dataset.embed)) open(link);
    else if (held.includes(link.dataset.embed)) player?.remove();
  }
}

/** Shows one video or post in its place; the link to it stays. */
function open(link) {
  const figure = link.closest('figure');
  if (figure.querySelector('iframe')) return;
  const player = document.createElement('iframe');
  player.title = link.textContent;
  player.loading = 'lazy';
  player.allowFullscreen = true;
  player.src = `/integration?${new URLSearchParams({ adresse: link.href })}`;
  figure.prepend(player);
}

async function choose(audience, social, services) {
  const body = JSON.stringify({ version, audience, social, services });
  const answer = await fetch('/consentement', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  if (!answer.ok) throw new Error(answer.status);
  // What services kept here is theirs; those that stay accepted make it again. This site keeps nothing in it.
  try { localStorage.clear(); } catch { /* Storage is refused: nothing was kept. */ }
  channel?.postMessage('');
  await refresh();
}

async function decide(choice, form) {
  const names = (kind) => [...form.querySelectorAll(`[data-kind=${kind}] li :checked`)].map(({ name }) => name.slice(8));
  const shown = document.querySelectorAll('.consent [role=alert], .consent-panel [role=alert]');
  try {
    if (choice === 'selection') {
      const [audience, social] = ['audience', 'social'].map(names);
      await choose(audience.length > 0, social.length > 0, [...audience, ...social]);
    } else {
      await choose(choice === 'tout', choice === 'tout');
    }
    for (const alert of shown) alert.hidden = true;
    end();
  } catch {
    for (const alert of shown) alert.hidden = false;
  }
}

function ask() {
  if (banner) return;
  banner = template.content.querySelector('.consent').cloneNode(true);
  banner.addEventListener('click', ({ target: { value } }) => {
    if (value === 'choisir') select();
    else if (value) decide(value);
  });
  document.querySelector('.skip').after(banner);
}

function select() {
  if (!panel) {
    panel = template.content.querySelector('dialog').cloneNode(true);
    panel.addEventListener('submit', (event) => {
      event.preventDefault();
      decide(event.submitter.value, event.target);
    });
    panel.querySelector('[value=fermer]').addEventListener('click', () => panel.close());
    document.body.append(panel);
  }
  fill();
  panel.showModal();
}

/** Removes what asked; the focus goes back to where it was before. */
function end() {
  panel?.open && panel.close();
  const inside = banner?.contains(document.activeElement) || document.activeElement === document.body;
  const asked = banner;
  banner = undefined;
  asked?.remove();
  if (asked && inside) (before?.isConnected ? before : document.getElementById('contenu')).focus({ preventScroll: true });
}

/** Shows in every form of choices what holds. */
function fill() {
  for (const box of document.querySelectorAll('.consent-form li input')) {
    box.checked = state.services.includes(box.name.slice(8));
    whole(box);
  }
}

/** Keeps a kind and its services in step. */
function whole(box) {
  const kind = box.closest('[data-kind]');
  const [all, ...each] = kind.querySelectorAll('input');
  if (box === all) for (const one of each) one.checked = all.checked;
  const checked = each.filter((one) => one.checked).length;
  all.checked = checked === each.length;
  all.indeterminate = checked > 0 && !all.checked;
}

/** Axeptio asks instead; what it answers goes through the same gate. */
function axeptio() {
  window.axeptioSettings = { clientId: client, cookiesVersion };
  (window._axcb ??= []).push((sdk) => sdk.on('cookies:complete', async (choices) => {
    await ready;
    const services = known.trim().split(' ').filter((entry) => choices[entry.split(':')[1]]);
    const ids = services.map((entry) => entry.split(':')[1]);
    if (!state.ask && ids.join() === state.services.join()) return;
    const any = (kind) => services.some((entry) => entry.startsWith(kind));
    choose(any('audience'), any('social'), ids).catch(() => {});
  }));
  const module = document.createElement('script');
  module.src = script;
  document.head.append(module);
}

document.addEventListener('focusin', ({ target }) => {
  if (!target.closest('.consent, .consent-panel')) before = target;
});
document.addEventListener('change', ({ target }) => {
  if (target.closest('.consent-form [data-kind]')) whole(target);
});
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-consent]');
  if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    if (!script) select();
    else if (window.openAxeptioCookies) window.openAxeptioCookies();
    else return;
    event.preventDefault();
  }
  const player = event.target.closest('button[data-player]');
  if (player) {
    open(player.closest('figure').querySelector('a[data-embed]'));
    player.remove();
  }
});
for (const button of document.querySelectorAll('button[data-player]')) button.hidden = false;
// A page taken from the back/forward cache, or another tab, may be behind.
addEventListener('pageshow', ({ persisted }) => persisted && refresh().catch(() => {}));
channel?.addEventListener('message', () => refresh().catch(() => {}));
const ready = refresh().catch(() => {});
if (script && !signal) axeptio();
