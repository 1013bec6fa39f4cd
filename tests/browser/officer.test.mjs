// The officer's pages in real Chromium, without JavaScript: a breach is reported, noted as told to the CNIL, an audit is
// answered.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PASSWORD = 'Cheval-correct-agrafe-9';

let gateway;
let chromium;

before(async () => {
  gateway = await Gateway.start();
  chromium = await browser();
  const today = new Date().toISOString().slice(0, 10);
  const account = (email, role) => gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified', '--role', role, '--trained', today, '--secrecy', today], `${PASSWORD}\n`);
  account('officer@example.org', 'dpo');
  account('client@example.org', 'owner');
  gateway.admin(['breach', 'report', '--what', 'Une copie est partie', '--data', 'orders', '--measures', 'Accès fermé']);
  gateway.admin(['client-audit', 'ask', '--account', 'client@example.org', '--first', '2100-03-01', '--auditor', 'Inès Roux', '--firm', 'F', '--email', 'ines@example.org', '--scope', 'Accès']);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

async function signedIn(path, javaScriptEnabled = false) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled });
  const page = await context.newPage();
  await page.goto(`${gateway.origin}${path}`);
  await page.locator('[name=email]').fill('officer@example.org');
  await page.locator('[name=mot_de_passe]').fill(PASSWORD);
  await page.locator('main form:not([data-passkey]) button[type=submit]').click();
  await page.waitForURL(`**${path}`);
  return page;
}

/** A page in whose text no key of a string is left. */
async function whole(page) {
  const text = await page.locator('main').innerText();
  assert.doesNotMatch(text, /\b(violations|declaration|audits_equipe|prestataires_equipe|breach_level|breach_data|audit)\.[a-z_]+/);
  assert.doesNotMatch(text, /[0-9]{4}-[0-9]{2}-[0-9]{2}T/);
  return text;
}

/** A page that axe finds nothing in and that fits, narrow and wide; its picture where pictures are kept. Colours change at once. */
async function looked(page, name) {
  for (const [width, colorScheme] of [[320, 'light'], [1280, 'dark'], [1280, 'light']]) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
    assert.deepEqual(violations.map(({ id, nodes }) => `${name} ${width} ${id}: ${nodes[0].html}`), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} ${width}`);
    if (process.env.AOPS_PICTURES) await page.screenshot({ path: join(process.env.AOPS_PICTURES, `${name}-${width}-${colorScheme}.png`), fullPage: true });
  }
}

test('a breach shows its clock and what to do next, and is noted once the CNIL was told', async () => {
  const page = await signedIn('/equipe/violations');
  const text = await whole(page);
  assert.match(text, /il reste 7[01]\u00a0?\u202f? ?heures/);
  await page.getByLabel('Numéro donné par la CNIL').fill('N-2026-1');
  await page.getByRole('button', { name: 'Noter la notification' }).click();
  await page.waitForURL('**/equipe/violations?fait=notifiee');
  assert.match(await whole(page), /La notification est notée[^]*N-2026-1/);
  assert.equal(await page.getByRole('button', { name: 'Noter la notification' }).count(), 0);
  await page.getByText('Champs du formulaire de la CNIL').click();
  assert.match(await whole(page), /Perte de confidentialité\s+oui/);
  await page.context().close();
});

test('an audit is accepted, then its access is ended with a reason', async () => {
  const page = await signedIn('/equipe/audits');
  assert.match(await whole(page), /Inès Roux/);
  await page.getByRole('button', { name: /Accepter l’auditeur/ }).click();
  await page.waitForURL('**/equipe/audits?fait=accepte');
  await page.getByLabel('Motif, tel que le client le lira').fill('Reporté d’un commun accord');
  await page.getByRole('button', { name: 'Mettre fin à l’accès' }).click();
  await page.waitForURL('**/equipe/audits?fait=termine');
  assert.match(await whole(page), /Reporté d’un commun accord/);
  await page.context().close();
});

test('the list of processors tells that what is declared was announced', async () => {
  const page = await signedIn('/equipe/prestataires');
  assert.match(await whole(page), /La liste déclarée est la dernière annoncée[^]*DigitalOcean/);
  await page.context().close();
});

async function reported(page) {
  await page.getByLabel('Ce qui s’est passé').fill('Une copie des commandes est partie vers un tiers.\nElle a été retirée.');
  await page.getByLabel('Quelqu’un a pu les lire').check();
  await page.getByLabel('Commandes et factures').check();
  await page.getByLabel('Ce que nous avons fait et faisons').fill('L’accès est fermé, les clés sont changées.');
}

test('p-breach-notice: a breach is reported from the page once it was seen whom it concerns', async () => {
  const page = await signedIn('/equipe/violations');
  await page.getByRole('link', { name: 'Déclarer une violation' }).click();
  await page.waitForURL('**/equipe/violations/declaration');
  await whole(page);
  await page.getByLabel('Ce qui s’est passé').fill('x');
  await page.getByLabel('Ce que nous avons fait et faisons').fill('y');
  await page.getByRole('button', { name: 'Voir qui est concerné' }).click();
  assert.match(await whole(page), /Quelles données\u00a0?: Cochez au moins une sorte de données/);
  assert.match(await page.title(), /^Erreur/);
  await reported(page);
  await page.getByRole('button', { name: 'Voir qui est concerné' }).click();
  const review = await whole(page);
  assert.match(review, /Gravité\s+importante/);
  assert.match(review, /Personnes\s+2\s+Courriels à écrire\s+2/);
  await page.getByText('Personnes (2)').click();
  assert.match(await whole(page), /client@example\.org\s+officer@example\.org/);
  assert.equal(gateway.admin(['breach', 'list']).length, 1, 'nothing is entered by looking');
  await page.getByRole('button', { name: 'Corriger' }).click();
  assert.match(await page.getByLabel('Ce qui s’est passé').inputValue(), /\nElle a été retirée/);
  await page.getByLabel('C’est un exercice').check();
  await page.getByRole('button', { name: 'Voir qui est concerné' }).click();
  assert.match(await whole(page), /EXERCICE/);
  await page.getByRole('button', { name: 'Enregistrer l’exercice' }).click();
  await page.waitForURL('**/equipe/violations?fait=exercice');
  assert.match(await whole(page), /L’exercice est au registre/);
  const [, exercise] = gateway.admin(['breach', 'list']);
  assert.deepEqual([exercise.rehearsal, exercise.persons, exercise.letters], [true, 2, 2]);
  await page.context().close();
});

test('axe finds nothing in the officer’s pages, narrow and wide, in both languages', async () => {
  const page = await signedIn('/equipe/violations/declaration', true);
  // The question of consent, which other tests look at, would hide the foot of each page.
  const version = await page.locator('template#consentement').getAttribute('data-version');
  assert.ok((await page.request.post(`${gateway.origin}/consentement`, { data: { version, audience: false, social: false } })).ok());
  await page.reload();
  await looked(page, 'declaration');
  await page.getByRole('button', { name: 'Voir qui est concerné' }).evaluate((button) => { button.form.noValidate = true; });
  await page.getByRole('button', { name: 'Voir qui est concerné' }).click();
  await page.waitForSelector('.fault-summary');
  await looked(page, 'declaration-faults');
  await reported(page);
  await page.getByRole('button', { name: 'Voir qui est concerné' }).click();
  await page.waitForSelector('.review');
  await looked(page, 'declaration-review');
  for (const path of ['/equipe/violations', '/equipe/audits', '/equipe/prestataires', '/equipe/violations/declaration']) {
    await page.goto(gateway.origin + path);
    await looked(page, path.replace(/\W+/g, '_'));
    await page.goto(`${gateway.origin}${path}?lang=en`);
    await whole(page);
  }
  await page.context().close();
});
