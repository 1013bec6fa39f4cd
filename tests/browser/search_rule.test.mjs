// The script of the search page answers as the server does: both are held against one file.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { query } from '../../themes/aops/scripts/search.js';

const fixture = JSON.parse(await readFile(new URL('../../search/tests/answers.json', import.meta.url)));

for (const { question, paths } of fixture.cases) {
  test(`« ${question} » finds ${paths.join(', ') || 'nothing'}`, () => {
    assert.deepEqual(query(fixture.index, question).map(([path]) => path), paths);
  });
}
