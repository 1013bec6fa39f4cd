// The rights desk in real Chromium, without a script: a visitor proves an address by a letter and gets a copy; a client
// asks from the client area.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { BEST, clean } from './looks.mjs';
import { Gateway, browser, client } from './support.mjs';

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

async function open(path, { javaScriptEnabled = false, width = 390 } = {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled, viewport: { width, height: 800 } });
  const page = await context.newPage();
  await page.goto(gateway.origin + path);
  return page;
}

async function looked(page) {
  for (const [width, colorScheme] of [[320, 'light'], [1280, 'dark']]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await clean(page, BEST);
  }
}

test('p-rights: a visitor proves an address by a letter and gets a copy, without JavaScript', async () => {
  const page = await open('/donnees-personnelles/');
  await page.locator('main [name=droit]').selectOption('portabilite');
  await page.locator('main [name=email]').fill('personne@example.org');
  await page.locator('main form button[type=submit]').click();
  if (await page.locator('[name=confirmation]').count()) await page.locator('main form button[type=submit]').first().click();
  await page.waitForURL(/\/donnees-personnelles\/merci$/);
  await page.goto(await gateway.linkInMail('personne@example.org', '/donnees-personnelles/confirmation?jeton='));
  await page.locator('main form button').click();
  assert.match(await page.locator('h1').innerText(), /Demande confirmée/);
  await page.goto(await gateway.linkInMail('personne@example.org', '/donnees-personnelles/copie?jeton='));
  const [copy] = await Promise.all([page.waitForEvent('download'), page.locator('main form button').click()]);
  assert.equal(copy.suggestedFilename(), 'aops-donnees.zip');
  assert.equal(readFileSync(await copy.path()).subarray(0, 2).toString(), 'PK');
  const [line] = gateway.admin(['rights', 'list']);
  assert.deepEqual([line.right, line.state, line.proved], ['portability', 'fulfilled', 'link of a letter']);
});

test('p-rights: a client asks from the client area, in both languages, narrow and wide, and axe finds nothing', async () => {
  const page = await client(gateway, chromium, '/espace-client/droits', 'cliente@example.org');
  await looked(page);
  await page.locator('main [name=droit]').selectOption('rectification');
  await page.locator('main [name=demande]').fill('Mon nom s’écrit avec un tréma.');
  await page.locator('main form button[type=submit]').click();
  await page.waitForLoadState();
  assert.match(await page.locator('main table').innerText(), /rectification\s+en cours/);
  await looked(page);
  await page.goto(`${gateway.origin}/espace-client/droits?lang=en`);
  assert.match(await page.locator('h1').innerText(), /Your rights/);
  const visitor = await open('/donnees-personnelles/', { javaScriptEnabled: true });
  await looked(visitor);
});
