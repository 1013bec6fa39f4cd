// The search script gives the answers of the Rust crate: both read the fixtures that the crate makes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
const source = readFileSync(new URL('themes/aops/scripts/search.js', root));
// The theme has no package.json: as data, the script is a module whatever node thinks of its name.
const { opened, query, words } = await import(`data:text/javascript;base64,${source.toString('base64')}`);

for (const language of ['fr', 'en']) {
  const fixture = JSON.parse(readFileSync(new URL(`search/tests/fixtures/${language}.json`, root), 'utf8'));
  const index = opened(fixture.index);

  test(`every query finds what the crate finds, in its order (${language})`, () => {
    for (const { query: text, words: folded, hits } of fixture.answers) {
      assert.deepEqual(words(text), folded, text);
      assert.deepEqual(query(index, text, 20).map(([path, , , score]) => [path, score]), hits, text);
    }
  });

  test(`a limit keeps the best (${language})`, () => {
    const { query: text, hits } = fixture.answers.find(({ hits: found }) => found.length > 1);
    assert.deepEqual(query(index, text, 1).map(([path]) => path), [hits[0][0]]);
  });
}

test('the script stays under 4 kB and sets no HTML', () => {
  assert.ok(source.length < 4000, `${source.length} bytes`);
  assert.doesNotMatch(source.toString(), /innerHTML|outerHTML|insertAdjacentHTML|eval\(/);
});
