// The public forms in real Chromium, with and without JavaScript: faults, drafts, robots, bad input.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const GOOD = { prenom: 'Anaïs', nom: 'Lemoine', email: 'anais@example.org', raison_sociale: 'Essai', adresse: '1 place du Marché' };
const DRAFT = 'aops-brouillon-contact';

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

async function open(javaScriptEnabled, path, prepare = async () => {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled, viewport: { width: 360, height: 800 } });
  const page = await context.newPage();
  await prepare(page);
  await page.goto(gateway.origin + path);
  return page;
}

async function fill(page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.locator(`main form [name=${name}]`).fill(value);
}

const send = (page) => page.locator('main form button[type=submit]').click();
const messages = () => gateway.admin(['messages', 'list']);
const kept = (message) => messages().filter((line) => line.message === message);

for (const script of [true, false]) {
  const how = script ? 'with' : 'without';

  test(`a fault is told in the title, in a summary that has the focus, and beside its field ${how} JavaScript`, async () => {
    const page = await open(script, '/contact/');
    await fill(page, { ...GOOD, email: 'anais@exemple', nom: '\u00a0', message: `Faute ${how}` });
    await send(page);
    await page.waitForURL('**/contact');
    assert.deepEqual(await page.locator('.fault-summary a').allInnerTexts(), ['Nom', 'Adresse électronique'], 'in the order of the page');
    assert.match(await page.title(), /^Erreur\s: Nous écrire/);
    assert.equal(await page.evaluate(() => document.activeElement.className), 'callout fault fault-summary');
    const email = page.locator('[name=email]');
    assert.equal(await email.getAttribute('aria-invalid'), 'true');
    const described = (await email.getAttribute('aria-describedby')).split(' ');
    const texts = await Promise.all(described.map((id) => page.locator(`[id="${id}"]`).innerText()));
    assert.match(texts.join(' '), /n’a pas la bonne forme/);
    assert.equal(await page.locator('[name=prenom]').inputValue(), 'Anaïs');
    await page.locator('[name=nom]').fill('Lemoine');
    await page.locator('.fault-summary a[href="#champ-email"]').click();
    assert.ok(await email.evaluate((field) => field === document.activeElement));
    await email.fill('anais@example.org');
    await send(page);
    await page.waitForURL('**/contact/merci');
    assert.equal(kept(`Faute ${how}`).length, 1);
  });

  test(`a message sent by two quick clicks, and typed again, is kept once ${how} JavaScript`, async () => {
    const page = await open(script, '/contact/');
    await fill(page, { ...GOOD, message: `Une fois ${how}` });
    await page.locator('main form button[type=submit]').dblclick();
    await page.waitForURL('**/contact/merci');
    await page.goto(`${gateway.origin}/contact/`);
    await fill(page, { ...GOOD, message: `Une fois ${how}` });
    await send(page);
    await page.waitForURL('**/contact/merci');
    assert.equal(kept(`Une fois ${how}`).length, 1);
  });

  test(`the field for robots is out of everybody’s way, and what fills it is not kept ${how} JavaScript`, async () => {
    const page = await open(script, '/contact/');
    const trap = page.locator('main form [name=site_web]');
    const box = await trap.locator('..').boundingBox();
    assert.ok(box.width <= 1 && box.height <= 1);
    assert.equal(await trap.getAttribute('tabindex'), '-1');
    assert.ok(!(await page.locator('main form').ariaSnapshot()).includes('Laissez ce champ vide'));
    await fill(page, { ...GOOD, message: `Robot ${how}` });
    await trap.fill('https://spam.example', { force: true });
    await send(page);
    await page.waitForURL('**/contact/merci');
    assert.equal(kept(`Robot ${how}`).length, 0);
  });
}

test('each field says what it is for to people and to browsers (WCAG 1.3.5)', async () => {
  const page = await open(false, '/contact/');
  const tokens = { prenom: 'given-name', nom: 'family-name', email: 'email', telephone: 'tel', raison_sociale: 'organization', adresse: 'address-line1' };
  for (const [name, token] of Object.entries(tokens)) {
    const field = page.locator(`main form [name=${name}]`);
    assert.equal(await field.getAttribute('autocomplete'), token);
    assert.ok(await page.locator(`label[for="${await field.getAttribute('id')}"]`).isVisible());
  }
  const notice = await page.locator('main form .notice').innerText();
  for (const word of ['Finalité', 'Base légale', 'Conservation', 'Destinataires', 'Vos droits']) assert.ok(notice.includes(word), word);
});

test('a script proves its work once the first field is entered', async () => {
  const page = await open(true, '/contact/');
  assert.equal(await page.locator('[name=altcha]').count(), 0);
  await page.locator('[name=prenom]').focus();
  await page.locator('[name=altcha]').waitFor({ state: 'attached' });
  const proof = JSON.parse(atob(await page.locator('[name=altcha]').inputValue()));
  assert.deepEqual(Object.keys(proof), ['algorithm', 'challenge', 'number', 'salt', 'signature']);
  await fill(page, { ...GOOD, message: 'Avec preuve' });
  await page.waitForTimeout(2_100);
  await send(page);
  await page.waitForURL('**/contact/merci');
  assert.equal(kept('Avec preuve').length, 1);
});

test('a doubtful message is shown again and kept once confirmed, without JavaScript', async () => {
  const page = await open(false, '/contact/');
  const body = new URLSearchParams({ ...GOOD, message: 'Douteux', altcha: 'AAAA' }).toString();
  await page.route('**/contact', (route) => (route.request().postData().includes('confirmation=') ? route.continue() : route.continue({ postData: body })));
  await fill(page, { ...GOOD, message: 'Douteux' });
  await send(page);
  await page.locator('[name=confirmation]').waitFor({ state: 'attached' });
  assert.match(await page.title(), /^À confirmer\s: Nous écrire/);
  assert.equal(await page.locator('[name=message]').inputValue(), 'Douteux');
  assert.equal(kept('Douteux').length, 0);
  await page.waitForTimeout(3_100);
  await send(page);
  await page.waitForURL('**/contact/merci');
  assert.equal(kept('Douteux').length, 1);
});

test('p-basket-memory: a draft survives leaving the page, stays in its tab, and goes with the message', async () => {
  const page = await open(true, '/contact/');
  await fill(page, { prenom: 'Anaïs', message: 'À moitié écrit' });
  await page.goto(`${gateway.origin}/compte/connexion`);
  await page.goto(`${gateway.origin}/contact/`);
  assert.equal(await page.locator('[name=message]').inputValue(), 'À moitié écrit');
  assert.match(await page.locator('.draft').innerText(), /Nous avons remis/);
  assert.ok(!page.url().includes('?'));
  assert.deepEqual(await page.context().cookies(), []);
  const other = await page.context().newPage();
  await other.goto(`${gateway.origin}/contact/`);
  assert.equal(await other.locator('[name=message]').inputValue(), '', 'another tab knows nothing of it');
  await fill(page, { ...GOOD, message: 'Écrit en entier' });
  await send(page);
  await page.waitForURL('**/contact/merci');
  assert.equal(await page.evaluate((key) => sessionStorage.getItem(key), DRAFT), null);
});

test('p-basket-memory: a draft is cleared by its button and ends after a day', async () => {
  const page = await open(true, '/contact/');
  await fill(page, { message: 'À effacer' });
  await page.reload();
  await page.locator('.draft button').click();
  assert.equal(await page.locator('[name=message]').inputValue(), '');
  assert.match(await page.locator('.draft').innerText(), /effacé/);
  assert.equal(await page.evaluate((key) => sessionStorage.getItem(key), DRAFT), null);
  await page.evaluate((key) => sessionStorage.setItem(key, JSON.stringify({ at: Date.now() - 86_400_001, values: { message: 'vieux' } })), DRAFT);
  await page.goto(`${gateway.origin}/contact/`);
  assert.equal(await page.locator('[name=message]').inputValue(), '');
  assert.equal(await page.evaluate((key) => sessionStorage.getItem(key), DRAFT), null);
});

// Proves p-disable.
test('where storage is refused or broken, the form is sent all the same', async () => {
  for (const broken of [
    () => Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('refused', 'SecurityError'); } }),
    () => sessionStorage.setItem('aops-brouillon-contact', '{'),
  ]) {
    const faults = [];
    const page = await open(true, '/contact/', async (page) => {
      page.on('pageerror', (error) => faults.push(error));
      await page.addInitScript(broken);
    });
    await fill(page, { ...GOOD, message: `Sans mémoire ${broken}` });
    await send(page);
    await page.waitForURL('**/contact/merci');
    assert.equal(kept(`Sans mémoire ${broken}`).length, 1);
    assert.deepEqual(faults, []);
  }
});

test('what visitors type is text in the page, in the mails and in the list', async () => {
  const script = '<script>document.title = "pris"</script><img src=x onerror="document.title = \'pris\'">';
  for (const typed of [script, '👩‍🔬🇫🇷', 'مرحبا שלום', 'a\u202eb\u2066c']) {
    const page = await open(true, '/contact/');
    await fill(page, Object.fromEntries(['prenom', 'nom', 'raison_sociale', 'adresse', 'message'].map((name) => [name, typed])));
    await fill(page, { email: 'pas@une' });
    await page.locator('main form').evaluate((form) => { form.noValidate = true; });
    await send(page);
    await page.waitForURL('**/contact');
    assert.match(await page.title(), /^Erreur/);
    assert.equal(await page.locator('[name=nom]').inputValue(), typed);
    assert.equal(await page.locator('[name=nom]').getAttribute('dir'), 'auto');
    await fill(page, { email: 'essai@example.org' });
    await send(page);
    await page.waitForURL('**/contact/merci');
    assert.equal(kept(typed)[0].nom, typed);
  }
  const folder = join(gateway.root, 'data/mail');
  for (let tries = 0; tries < 100 && readdirSync(folder).length < 8; tries++) await new Promise((done) => setTimeout(done, 50));
  for (const name of readdirSync(folder).filter((name) => name.endsWith('.eml'))) {
    const mail = readFileSync(join(folder, name), 'utf8').replaceAll('=\r\n', '');
    const html = mail.slice(mail.indexOf('text/html'));
    assert.ok(!/<script|<img src=3D?x/.test(html), name);
    assert.equal(mail.match(/^Subject:/gm).length, 1);
    assert.ok(!/=E2=80=AE|=E2=81=A6/.test(mail), 'nothing reorders the text of a mail');
  }
});

test('ten thousand characters are given back, with what is wrong', async () => {
  const page = await open(false, '/contact/');
  await fill(page, { ...GOOD, message: 'é'.repeat(10_000) });
  await send(page);
  await page.waitForURL('**/contact');
  assert.equal((await page.locator('[name=message]').inputValue()).length, 10_000);
  assert.match(await page.locator('.fault-summary').innerText(), /trop long/);
});

test('the pages of a fault and of a second look, and a restored draft, are accessible and fit 320 pixels', async () => {
  const states = {
    fault: async (page) => { await fill(page, { ...GOOD, email: 'a@b', message: 'x' }); await send(page); await page.waitForURL('**/contact'); },
    confirmation: async (page) => {
      await fill(page, { ...GOOD, message: 'x' });
      await page.locator('main form').evaluate((form) => form.insertAdjacentHTML('beforeend', '<input type="hidden" name="altcha" value="AAAA">'));
      await send(page);
      await page.locator('[name=confirmation]').waitFor({ state: 'attached' });
    },
    draft: async (page) => { await fill(page, { message: 'x' }); await page.reload(); await page.locator('.draft button').waitFor(); },
  };
  for (const colorScheme of ['light', 'dark']) {
    for (const [state, reach] of Object.entries(states)) {
      const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', colorScheme, viewport: { width: 320, height: 800 }, bypassCSP: true });
      const page = await context.newPage();
      // Without the proof of work, which would come in the way of the forged one.
      await page.route('**/altcha/defi', (route) => route.abort());
      await page.goto(`${gateway.origin}/contact/`);
      await reach(page);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overflow <= 0, `${state}: ${overflow} pixels too wide`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`), [], `${state} ${colorScheme}`);
      await context.close();
    }
  }
});

test('a refused sign-in says so in the title, and gives the password back to nobody', async () => {
  const page = await open(false, '/compte/connexion');
  await fill(page, { email: 'personne@example.org', mot_de_passe: 'pas le bon' });
  await send(page);
  assert.match(await page.title(), /^Erreur\s: Connexion/);
  assert.equal(await page.locator('[name=email]').inputValue(), 'personne@example.org');
  assert.equal(await page.locator('[name=mot_de_passe]').inputValue(), '');
});
