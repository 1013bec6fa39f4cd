// The officer's pages in real Chromium, without JavaScript: a breach is noted as told to the CNIL, an audit is answered.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

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

async function signedIn(path) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${gateway.origin}${path}`);
  await page.locator('[name=email]').fill('officer@example.org');
  await page.locator('[name=mot_de_passe]').fill(PASSWORD);
  await page.locator('main form button[type=submit]').click();
  await page.waitForURL(`**${path}`);
  return page;
}

/** A page in whose text no key of a string is left. */
async function whole(page) {
  const text = await page.locator('main').innerText();
  assert.doesNotMatch(text, /\b(violations|audits_equipe|prestataires_equipe|breach_level|breach_data|audit)\.[a-z_]+/);
  assert.doesNotMatch(text, /[0-9]{4}-[0-9]{2}-[0-9]{2}T/);
  return text;
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
