// The site's search in the browser, by the rule of the crate `aops-search`: both change together.

/** The words of a text: lower case, no accents, apart at what is neither letter nor digit. */
export function words(text) {
  const plain = text.toLowerCase().normalize('NFD').replace(/\p{M}/gu, '');
  const folded = plain.replaceAll('œ', 'oe').replaceAll('æ', 'ae');
  return folded.split(/[^\p{Alphabetic}\p{N}]+/u).filter(Boolean);
}

/** The index's JSON, decoded. */
export function opened({ pages, stop, stems, postings }) {
  let stem = '';
  const next = (item) => (stem = stem.slice(0, parseInt(item[0], 36)) + item.slice(1));
  const list = stems.split(' ').filter(Boolean).map(next);
  const lists = postings.map((numbers) => {
    let page = 0;
    return numbers.map((number) => [(page += Math.floor(number / 10)), number % 10]);
  });
  return { pages, stop: new Set(stop.split(' ')), stems: list, postings: lists };
}

/** The stems that begin with a word, or the longest one that it begins with. */
function found(stems, word) {
  const longer = [...stems.keys()].filter((place) => stems[place].startsWith(word));
  const letters = [...word];
  const shortest = Math.max(3, letters.length - 6);
  for (let length = letters.length - 1; !longer.length && length >= shortest; length -= 1) {
    const place = stems.indexOf(letters.slice(0, length).join(''));
    if (place >= 0) longer.push(place);
  }
  return longer;
}

/** The best pages for a query: `[path, title, summary, score]`. */
export function query({ pages, stop, stems, postings }, text, limit) {
  const asked = words(text).filter((word) => [...word].length > 1 && !stop.has(word)).slice(0, 8);
  let scores;
  for (const word of asked) {
    const best = new Map();
    for (const [page, weight] of found(stems, word).flatMap((place) => postings[place])) {
      best.set(page, Math.max(weight, best.get(page) ?? 0));
    }
    const rarity = 32 - Math.clz32(Math.max(1, Math.floor(pages.length / Math.max(1, best.size))));
    const kept = [...(scores ?? best).keys()].filter((page) => best.has(page));
    scores = new Map(kept.map((page) => [page, (scores?.get(page) ?? 0) + best.get(page) * rarity]));
  }
  const ranked = [...(scores ?? [])].sort(([a, x], [b, y]) => y - x || a - b).slice(0, limit);
  return ranked.map(([page, score]) => [...pages[page], score]);
}

function shown([path, title, summary]) {
  const [item, heading, link, text] = ['li', 'h2', 'a', 'p'].map((name) => document.createElement(name));
  link.href = path;
  link.textContent = title;
  text.textContent = summary;
  heading.append(link);
  item.append(heading, text);
  return item;
}

function start(form) {
  const field = form.elements.q;
  const [count, list] = ['[data-none]', '.hits'].map((mark) => document.querySelector(mark));
  let index;
  let timer;
  const load = async () => (index ??= opened(await (await fetch(form.dataset.index)).json()));
  const typed = () => field.value.trim().slice(0, 200);
  const show = async () => {
    const text = typed();
    const hits = text ? query(await load(), text, 20) : [];
    if (text !== typed()) return;
    const { none, one, many } = count.dataset;
    count.textContent = text && ([none, one][hits.length] ?? many.replace('{n}', hits.length));
    list.replaceChildren(...hits.map(shown));
    history.replaceState(null, '', text ? `?${new URLSearchParams({ q: text })}` : location.pathname);
  };
  const later = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => show().catch(() => {}), wait);
  };
  field.addEventListener('input', () => later(150));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    // Without an index, as without a script.
    show().catch(() => form.submit());
  });
  field.value ||= new URLSearchParams(location.search).get('q') ?? '';
  if (field.value) later(0);
}

const form = globalThis.document?.querySelector('form[data-index]');
if (form) start(form);
