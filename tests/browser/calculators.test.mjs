// The public calculators as visitors use them: with a script they answer as one types, without one by the button, and
// both show the figures of the server.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const published = readFileSync(new URL('../../engine/data/triangles/genins.csv', import.meta.url), 'utf8');

let gateway;
let chromium;

before(async () => {
  [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

async function open(path, options = {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', viewport: { width: 360, height: 800 }, ...options });
  await context.setExtraHTTPHeaders({ 'sec-gpc': '1' });
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(gateway.origin + path, { waitUntil: 'networkidle' });
  return { page, faults };
}

const output = (page) => page.locator('.result output').innerText();

for (const [name, field, value] of [['rente', 'age', '70'], ['ifc', 'salary', '42 000']]) {
  test(`${name} answers as one types, with the server's figure, and its address can be shared`, async () => {
    const { page, faults } = await open(`/calculateurs/${name}/`);
    await page.locator(`[name=${field}]`).fill(value);
    await page.locator('.result output').waitFor();
    const typed = await output(page);
    assert.match(page.url(), new RegExp(`/calculateurs/${name}/resultat\\?`));
    assert.equal(await page.evaluate(() => document.activeElement.name), field, 'the focus stays');
    const plain = await open(new URL(page.url()).pathname + new URL(page.url()).search, { javaScriptEnabled: false });
    assert.equal(await output(plain.page), typed);
    await page.locator(`[name=${field}]`).fill('abc');
    await page.locator(`#champ-${field}-erreur`).waitFor();
    assert.equal(await page.locator(`[name=${field}]`).getAttribute('aria-invalid'), 'true');
    await page.locator(`[name=${field}]`).fill(value);
    await page.waitForFunction((id) => !document.getElementById(id), `champ-${field}-erreur`);
    assert.deepEqual(faults, []);
  });

  test(`${name} works without a script`, async () => {
    const { page } = await open(`/calculateurs/${name}/`, { javaScriptEnabled: false });
    await page.locator(`main [name=${field}]`).fill(value);
    await page.locator('main form button[type=submit]').click();
    assert.match(await output(page), /€/);
    assert.equal(await page.locator(`main [name=${field}]`).inputValue(), value);
  });
}

for (const script of [true, false]) {
  test(`a pasted triangle gives Mack's published figures ${script ? 'as one pastes' : 'without a script'}`, async () => {
    const { page } = await open('/calculateurs/provisionnement/', { javaScriptEnabled: script });
    await page.locator('[name=triangle]').fill(published);
    if (!script) await page.locator('main form button[type=submit]').click();
    await page.locator('.result output').waitFor();
    assert.equal((await output(page)).replace(/\s/g, ' '), '18 680 856');
    assert.match((await page.locator('.result').innerText()).replace(/\s/g, ' '), /2 447 095/);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${wide} pixels too wide`);
  });
}

test('what cannot be read is told at its row and column, kept as typed, and shown as text', async () => {
  const { page } = await open('/calculateurs/provisionnement/', { javaScriptEnabled: false });
  const typed = '100;200;300\n110;<script>alert(1)</script>;\n120;;\n\u202e🙂';
  await page.locator('[name=triangle]').fill(typed);
  await page.locator('main form button[type=submit]').click();
  assert.match(await page.title(), /^Erreur/);
  assert.match(await page.locator('#triangle-fautes').innerText(), /Ligne 2, colonne 2\s:\s.*<script>alert\(1\)<\/script>/);
  assert.equal(await page.locator('[name=triangle]').inputValue(), typed);
  assert.equal(await page.locator('main script:not([src])').count(), 0);
});

test('what is typed into an address is not logged', async () => {
  const { page } = await open('/calculateurs/ifc/');
  await page.locator('[name=salary]').fill('98765');
  await page.locator('.result output').waitFor();
  assert.doesNotMatch(gateway.log(), /98765/);
  assert.match(gateway.log(), /calculateurs\/ifc\/resultat/);
});
