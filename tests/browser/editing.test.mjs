// What an editor and a reader see of the generator: search with and without a script, a page that is being written.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Gateway, browser } from './support.mjs';

let gateway, chromium;
before(async () => {
  [gateway, chromium] = await Promise.all([Gateway.start({ watched: true }), browser()]);
});
after(async () => {
  await chromium?.close();
  gateway?.stop();
});

async function open(path, options = {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, viewport: { width: 360, height: 740 }, ...options });
  const page = await context.newPage();
  await page.goto(gateway.origin + path);
  return page;
}

test('what is typed is answered as one types, in the order of the server', async () => {
  const page = await open('/recherche/');
  await page.fill('input[name=q]', 'provisions de sinistres');
  await page.waitForFunction(() => document.querySelectorAll('.hits a').length > 0);
  const paths = await page.$$eval('.hits a', (links) => links.map((link) => link.getAttribute('href')));
  assert.ok(paths.includes('/offres/provisionnement/'), paths.join());
  assert.match(await page.textContent('.count'), /\d/);
  assert.match(page.url(), /\?q=provisions/);
  const answer = await page.request.get(`${gateway.origin}/recherche/?q=provisions+de+sinistres`, { headers: { accept: 'application/json' } });
  const served = (await answer.json()).results.map((result) => result.path);
  assert.deepEqual(paths, served.slice(0, paths.length));
});

test('without a script the same form is answered by the server', async () => {
  const page = await open('/recherche/', { javaScriptEnabled: false });
  await page.fill('input[name=q]', '<b>retraite</b>');
  await page.press('input[name=q]', 'Enter');
  assert.ok((await page.$$('.hits a')).length > 0);
  assert.equal(await page.inputValue('input[name=q]'), '<b>retraite</b>');
  await page.fill('input[name=q]', 'xyzzy');
  await page.press('input[name=q]', 'Enter');
  assert.match(await page.textContent('main'), /Aucune page/);
  assert.equal(await page.getAttribute('meta[name=robots]', 'content'), 'noindex');
});

test('a saved page takes over what changed, keeps its place, and shows a fault until it is mended', async () => {
  const page = await open('/glossaire/');
  const file = join(gateway.root, 'content/fr/glossaire.md');
  const text = readFileSync(file, 'utf8');
  await page.evaluate(() => { window.stays = true; window.scrollTo(0, 900); });
  await page.waitForTimeout(300);
  writeFileSync(file, `${text}\n\nUn mot ajouté par l’éditeur.\n`);
  await page.waitForFunction(() => document.body.textContent.includes('Un mot ajouté par l’éditeur.'), null, { timeout: 5000 });
  assert.equal(await page.evaluate(() => window.stays), true, 'the page was not loaded again');
  const place = await page.evaluate(() => window.scrollY);
  assert.ok(Math.abs(place - 900) < 24, `the page moved to ${place}`);
  writeFileSync(file, text.replace('title =', 'titel ='));
  await page.waitForSelector('#aops-fault', { timeout: 5000 });
  const fault = await page.textContent('#aops-fault');
  assert.match(fault, /glossaire\.md:2:1/);
  assert.match(fault, /\^\^\^/);
  const late = await open('/contact/');
  await late.waitForSelector('#aops-fault', { timeout: 5000 });
  writeFileSync(file, text);
  await page.waitForSelector('#aops-fault', { state: 'detached', timeout: 5000 });
  await late.waitForSelector('#aops-fault', { state: 'detached', timeout: 5000 });
});

test('a changed style is taken over without loading the page again', async () => {
  const page = await open('/');
  await page.evaluate(() => { window.stays = true; });
  await page.waitForTimeout(300);
  const file = join(gateway.root, 'themes/aops/styles/20-base.css');
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n@layer utilities { h1 { letter-spacing: 7px; } }\n`);
  await page.waitForFunction(() => getComputedStyle(document.querySelector('h1')).letterSpacing === '7px', null, { timeout: 10000 });
  assert.equal(await page.evaluate(() => window.stays), true);
});
