// The table of docs/rgaa.md is whole, and names no test that does not exist.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../', import.meta.url);
/** RGAA 4.1: criteria of each of its thirteen themes. */
const CRITERIA = [9, 2, 3, 13, 8, 2, 5, 10, 4, 14, 13, 11, 12];

test('every one of the 106 criteria of RGAA 4.1 has its line, in order, with its state', () => {
  const table = readFileSync(new URL('docs/rgaa.md', root), 'utf8');
  const lines = [...table.matchAll(/^\| (\d+\.\d+) \| (.+?) \| (conforme|non applicable|non conforme) \| (.+) \|$/gm)];
  const wanted = CRITERIA.flatMap((count, theme) => Array.from({ length: count }, (_, index) => `${theme + 1}.${index + 1}`));
  assert.equal(wanted.length, 106);
  assert.deepEqual(lines.map(([, number]) => number), wanted);
  for (const [, number, , , shown] of lines) assert.ok(shown.trim().length > 3, number);
  for (const [name] of table.matchAll(/\b[\w]+\.(?:test\.mjs|rs)\b/g)) {
    const places = [`tests/browser/${name}`, `tests/end_to_end/${name}`];
    assert.ok(places.some((place) => existsSync(new URL(place, root))), name);
  }
});
