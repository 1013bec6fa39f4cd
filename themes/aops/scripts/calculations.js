// Follows a calculation while somebody looks at its page, and shows the result as soon as there is one. Without this
// script the page asks again by itself.

const box = document.querySelector('[data-events]');
const bar = box.querySelector('progress');
const source = new EventSource(box.dataset.events);

source.addEventListener('state', (event) => {
  const { state, progress } = JSON.parse(event.data);
  bar.value = progress;
  bar.textContent = progress;
  if (state === 'running' && box.dataset.state !== state) box.dataset.state = state;
});
source.addEventListener('end', () => {
  source.close();
  location.reload();
});
