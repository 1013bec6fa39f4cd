// The staff's page on the gateway in real Chromium: moments as people write them, and figures that go on by themselves.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const PASSWORD = 'Cheval-correct-agrafe-9';
const MONTHS = 'janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre';
const MOMENT = new RegExp(`(1er|[2-9]|[12][0-9]|3[01]) (${MONTHS}) 20[0-9]{2} à ([0-9]|1[0-9]|2[0-3])\\u00a0h\\u00a0[0-5][0-9] UTC`);
const ISO = /[0-9]{4}-[0-9]{2}-[0-9]{2}/;

let gateway;
let chromium;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  const today = new Date().toISOString().slice(0, 10);
  gateway.admin(['account', 'create', '--email', 'machine@example.org', '--password-stdin', '--verified', '--role', 'operator', '--trained', today, '--secrecy', today], `${PASSWORD}\n`);
  gateway.admin(['ban', 'add', '203.0.113.0/24', '--for', '2h']);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

async function signedIn(javaScriptEnabled) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled });
  const page = await context.newPage();
  await page.goto(`${gateway.origin}/equipe/passerelle`);
  await page.locator('[name=email]').fill('machine@example.org');
  await page.locator('[name=mot_de_passe]').fill(PASSWORD);
  await page.locator('main form button[type=submit]').click();
  await page.waitForURL('**/equipe/passerelle');
  return page;
}

for (const script of [true, false]) {
  test(`moments are written out in French ${script ? 'with' : 'without'} JavaScript`, async () => {
    const page = await signedIn(script);
    const figures = page.locator('[data-live-figures]');
    const now = await figures.locator('.help').first().innerText();
    assert.match(now, MOMENT);
    const row = page.getByRole('row', { name: '203.0.113.0/24' });
    const until = await row.locator('.when').last().innerText();
    assert.match(until, MOMENT);
    assert.notEqual(until, now.match(MOMENT)[0], 'two hours lie between them');
    assert.doesNotMatch(await figures.innerText(), ISO);
    assert.equal(await page.locator('[data-refresh]').isVisible(), script, 'it goes on by itself where it can');
    await page.context().close();
  });
}
