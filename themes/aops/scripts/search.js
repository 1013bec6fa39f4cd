// Answers as one types, by the same rule as the server (crate aops-search), from an index fetched once.

const SHORTEST = 2;
const SHORTEST_STEM = 3;
const LONGEST_ENDING = 6;
const TOLD = 20;

const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replaceAll('œ', 'oe').replaceAll('æ', 'ae');
const letters = (word) => [...word].length;

// How near a stem is to a word, up to 1; 0 when it is another word's.
function nearness(word, stem) {
  const [own, others] = [letters(word), letters(stem)];
  const typed = stem.startsWith(word);
  const inflected = word.startsWith(stem) && others >= SHORTEST_STEM && own - others <= LONGEST_ENDING;
  return typed || inflected ? Math.min(own, others) / Math.max(own, others) : 0;
}

function ofWord(index, word) {
  const scores = new Array(index.pages.length).fill(0);
  index.stems.forEach((stem, at) => {
    const shared = nearness(word, stem);
    if (!shared) return;
    const places = index.places[at];
    const rare = Math.log(1 + index.pages.length / (places.length / 2));
    for (let page = 0, pair = 0; pair < places.length; pair += 2) {
      page += places[pair];
      scores[page] = Math.max(scores[page], places[pair + 1] * rare * shared);
    }
  });
  return scores;
}

// The pages that hold every word, the nearest first: [path, title, summary].
export function query(index, question, limit = TOLD) {
  const words = fold(question).split(/[^\p{Alphabetic}\p{N}]+/u).filter((word) => letters(word) >= SHORTEST && !index.empty.includes(word));
  if (words.length === 0) return [];
  const sums = words.map((word) => ofWord(index, word))
    .reduce((sums, own) => sums.map((sum, page) => (sum > 0 && own[page] > 0 ? sum + own[page] : 0)));
  return [...sums.keys()].filter((page) => sums[page] > 0)
    .sort((a, b) => sums[b] - sums[a] || a - b).slice(0, limit).map((page) => index.pages[page]);
}

function begin(form, list, count) {
  const field = form.elements.q;
  let index;
  const load = () => (index ??= fetch(list.dataset.index).then((answer) => answer.json()));
  const entry = ([path, title, summary]) => {
    const [item, box, heading, link, text] = ['li', 'div', 'h2', 'a', 'p'].map((name) => document.createElement(name));
    item.className = 'entry';
    link.href = path;
    link.textContent = title;
    text.textContent = summary;
    heading.append(link);
    box.append(heading, text);
    item.append(box);
    return item;
  };
  const answer = async () => {
    const question = field.value.trim();
    const address = new URL(location.href);
    question ? address.searchParams.set('q', question) : address.searchParams.delete('q');
    history.replaceState(null, '', address);
    if (!question) {
      list.replaceChildren();
      count.textContent = '';
      return;
    }
    const found = query(await load(), question);
    if (field.value.trim() !== question) return;
    list.replaceChildren(...found.map(entry));
    const { none, one, several } = count.dataset;
    count.textContent = found.length === 0 ? none : found.length === 1 ? one : several.replace('{n}', found.length);
  };
  let wait;
  field.addEventListener('focus', load, { once: true });
  field.addEventListener('input', () => { clearTimeout(wait); wait = setTimeout(answer, 120); });
  form.addEventListener('submit', (event) => { event.preventDefault(); answer(); });
}

const list = globalThis.document?.getElementById('recherche-resultats');
if (list?.dataset.index) begin(document.querySelector('.search-form'), list, document.getElementById('recherche-bilan'));
