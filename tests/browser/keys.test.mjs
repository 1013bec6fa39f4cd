// Keys of the client area in real Chromium: a key for trying out, made through the page by a client without a plan, and a
// calculation and its report by it, as a program asks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clean, picture } from './looks.mjs';
import { Gateway, browser, client } from './support.mjs';

const KEYS = '/espace-client/cles';
const SCOPES = ['compute', 'calculations:read', 'calculations:write', 'account:read'];

let gateway;
let chromium;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

/** What a program that has a key asks; it knows no cookie of the page. */
async function program(key) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, extraHTTPHeaders: { authorization: `Bearer ${key}` } });
  return context.request;
}

for (const width of [390, 1280]) {
  test(`a key for trying out is made through the page and calculates without a plan, ${width} wide`, async () => {
    const page = await client(gateway, chromium, KEYS, `cle-${width}@example.org`, { width });
    await clean(page);
    const make = page.getByRole('button', { name: 'Créer la clé' });
    await page.fill('[name=nom_cle]', 'Banc d’essai');
    await page.getByRole('radio', { name: 'Essai' }).check();
    for (const scope of [...SCOPES, 'datasets:write']) await page.check(`[name="${scope}"]`);
    await make.click();
    assert.match(await page.locator('.fault-summary').innerText(), /Une clé d’essai n’ouvre que/);
    assert.ok(await page.getByRole('radio', { name: 'Essai' }).isChecked(), 'what was chosen stays');
    await clean(page);
    await picture(page, `cle-essai-faute-${width}`);
    await page.uncheck('[name="datasets:write"]');
    await make.click();
    const key = await page.locator('code.key').innerText();
    assert.match(key, /^aops_test_/);
    await clean(page);
    await picture(page, `cle-essai-${width}`);
    assert.equal(await page.locator('.holdings .mark').innerText(), 'Essai');

    const asks = await program(key);
    const api = (path) => `${gateway.origin}/api/v1/${path}`;
    const account = await (await asks.get(api('account'))).json();
    assert.equal(account.mode, 'test');
    assert.equal((await asks.get(api('datasets'))).status(), 403);
    const estimate = await (await asks.post(api('calculations/estimate'), { data: { module: 'ifc' } })).json();
    assert.deepEqual([estimate.possible, estimate.counts, estimate.price], [true, 0, null]);
    const asked = await asks.post(api('calculations'), { data: { module: 'ifc', name: 'Premier essai' } });
    assert.equal(asked.status(), 202);
    const place = gateway.origin + asked.headers().location;
    let done = {};
    for (let tries = 0; tries < 120 && done.state !== 'done'; tries++) {
      await page.waitForTimeout(250);
      done = await (await asks.get(place)).json();
    }
    assert.equal(done.state, 'done', JSON.stringify(done));
    assert.equal(done.test, true);
    assert.ok(done.result.dbo > 0);
    const report = await asks.get(`${place}/report.pdf`);
    assert.equal((await report.body()).subarray(0, 5).toString(), '%PDF-');

    // The page shows it as a trial, and that the key was used.
    await page.goto(`${gateway.origin}/espace-client/calculs`);
    const row = page.locator('tr:has-text("Premier essai")');
    assert.match(await row.innerText(), /Essai/);
    await clean(page);
    await page.goto(gateway.origin + KEYS);
    assert.match(await page.locator('.holdings').innerText(), /dernier emploi le/);
    await page.getByRole('button', { name: 'Révoquer' }).click();
    assert.match(await page.locator('[role=status]').innerText(), /révoquée/);
    assert.equal((await asks.get(place)).status(), 401);
    await page.context().close();
  });
}

test('without JavaScript, and in English, a key for trying out answers at once', async () => {
  const page = await client(gateway, chromium, KEYS, 'cle-sans-script@example.org', { javaScriptEnabled: false });
  await page.goto(`${gateway.origin}${KEYS}?lang=en`);
  await page.fill('[name=nom_cle]', 'Trial');
  await page.locator('#mode-test').check();
  await page.check('[name="compute"]');
  await page.locator('main form.form button[type=submit]').click();
  const key = await page.locator('code.key').innerText();
  const asks = await program(key);
  const answer = await asks.post(`${gateway.origin}/api/v1/compute/rente`, { data: {} });
  assert.equal(answer.status(), 200);
  assert.ok((await answer.json()).present_value > 0);
  await page.context().close();
});
