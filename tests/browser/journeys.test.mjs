// What visitors and clients do, in real Chromium, with and without JavaScript.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const PASSWORD = 'Cheval-correct-agrafe-9';

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

async function open(javaScriptEnabled, path) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled, viewport: { width: 390, height: 800 } });
  const page = await context.newPage();
  await page.goto(gateway.origin + path);
  return page;
}

// What an authenticator shows, so many steps from now (RFC 6238).
function code(secret, steps) {
  const bits = [...secret.replace(/\s/g, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const digest = createHmac('sha1', key).update(counter).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

for (const script of [true, false]) {
  const how = script ? 'with' : 'without';

  test(`a visitor subscribes and confirms ${how} JavaScript`, async () => {
    const email = `lectrice-${how}@example.org`;
    const page = await open(script, '/newsletter/');
    await page.locator('main input[name=email]').fill(email);
    await page.locator('main form button[type=submit]').click();
    assert.match(page.url(), /\/newsletter\/merci$/);
    assert.equal(gateway.admin(['subscribers', 'list']).find((line) => line.email === email).state, 'pending');
    await page.goto(await gateway.linkInMail(email, '/newsletter/confirmation?jeton='));
    assert.equal(gateway.admin(['subscribers', 'list']).find((line) => line.email === email).state, 'confirmed');
  });

  test(`a visitor writes, is told what is wrong, and mends it ${how} JavaScript`, async () => {
    const page = await open(script, '/contact/');
    const form = page.locator('main form');
    for (const [name, value] of Object.entries({ nom: 'Lemoine', prenom: 'Anaïs', email: 'anais@exemple', raison_sociale: 'Essai', adresse: '1 place du Marché', message: `Bonjour, ${how}` })) {
      await form.locator(`[name=${name}]`).fill(value);
    }
    await form.locator('button[type=submit]').click();
    await page.waitForLoadState();
    assert.equal(await page.locator('[name=email]').getAttribute('aria-invalid'), 'true');
    assert.equal(await page.locator('[name=nom]').inputValue(), 'Lemoine');
    await page.locator('[name=email]').fill('anais@example.org');
    await page.locator('main form button[type=submit]').click();
    assert.match(page.url(), /\/contact\/merci$/);
    assert.ok(gateway.admin(['messages', 'list']).some(({ message }) => message === `Bonjour, ${how}`));
  });

  test(`a visitor opens an account, forgets the password and chooses another ${how} JavaScript`, async () => {
    const email = `nouvelle-${how}@example.org`;
    const page = await open(script, '/compte/connexion');
    const fill = async (fields) => {
      for (const [name, value] of Object.entries(fields)) await page.locator(`main [name=${name}]`).fill(value);
    };
    const send = () => page.locator('main form button[type=submit]').click();
    await page.locator('main a[href^="/compte/inscription"]').click();
    await fill({ nom: 'Lemoine', prenom: 'Anaïs', profession: 'Actuaire', raison_sociale: 'Essai', adresse: '1 place du Marché', email, mot_de_passe: 'Lemoine-Anaïs' });
    await page.locator('[name=cgu]').check();
    await send();
    await page.locator('[name=mot_de_passe][aria-invalid=true]').waitFor();
    assert.equal(await page.locator('[name=profession]').inputValue(), 'Actuaire');
    assert.equal(await page.locator('[name=mot_de_passe]').inputValue(), '', 'passwords are never sent back');
    await fill({ mot_de_passe: PASSWORD });
    await page.locator('[name=cgu]').check();
    await send();
    await page.waitForURL(/\/compte\/inscription\/merci$/);
    await page.goto(await gateway.linkInMail(email, '/compte/verification?jeton='));
    await page.locator('main a[href^="/compte/connexion"]').click();
    await page.locator('main a[href^="/compte/mot-de-passe-oublie"]').click();
    await fill({ email });
    await send();
    await page.waitForURL(/mot-de-passe-oublie\/envoye$/);
    await page.goto(await gateway.linkInMail(email, '/compte/reinitialisation?jeton='));
    await fill({ mot_de_passe: `${PASSWORD}-bis` });
    await send();
    await page.waitForURL(/reinitialisation\/faite$/);
    await page.locator('main a[href^="/compte/connexion"]').click();
    await fill({ email, mot_de_passe: `${PASSWORD}-bis` });
    await send();
    await page.waitForURL(/\/espace-client\/$/);
    assert.match(await page.locator('main').innerText(), /Anaïs Lemoine[\s\S]*Essai/);
    await page.locator('a[href^="/espace-client/mot-de-passe"]').click();
    await fill({ mot_de_passe_actuel: `${PASSWORD}-bis`, mot_de_passe: `${PASSWORD}-ter` });
    await send();
    await page.locator('[role=status]').first().waitFor();
    assert.match(page.url(), /\/espace-client\/\?fait=mot-de-passe$/);
  });

  test(`a client turns two-factor authentication on, signs in by code and by recovery code, and turns it off ${how} JavaScript`, async () => {
    const email = `deux-${how}@example.org`;
    gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified'], `${PASSWORD}\n`);
    const page = await open(script, '/compte/connexion');
    const fill = async (form, fields) => {
      for (const [name, value] of Object.entries(fields)) await form.locator(`[name=${name}]`).fill(value);
      await form.locator('button[type=submit]').click();
    };
    const signIn = () => fill(page.locator('main form'), { email, mot_de_passe: PASSWORD });
    await signIn();
    await page.locator('a[href^="/espace-client/double-authentification"]').first().click();
    await fill(page.locator('main form'), { mot_de_passe_actuel: PASSWORD, code: '000000' });
    await page.locator('[name=code][aria-invalid=true]').waitFor();
    const secret = await page.locator('main ol code').innerText();
    assert.ok(await page.locator('main [role=img] svg').isVisible());
    await fill(page.locator('main form'), { mot_de_passe_actuel: PASSWORD, code: code(secret, 0) });
    const recovery = (await page.locator('main li code').allInnerTexts()).map((text) => text.trim());
    assert.equal(recovery.length, 10);
    await page.goto(`${gateway.origin}/espace-client/`);
    await page.locator('form[action="/compte/deconnexion"] button').first().click();
    for (const given of [code(secret, 1), recovery[0]]) {
      await page.goto(`${gateway.origin}/compte/connexion`);
      await signIn();
      await page.waitForURL(/\/compte\/double-authentification/);
      await fill(page.locator('main form'), { code: '123 456' });
      await page.locator('[name=code][aria-invalid=true]').waitFor();
      await fill(page.locator('main form'), { code: given });
      await page.waitForURL(/\/espace-client\/$/);
      await page.locator('form[action="/compte/deconnexion"] button').first().click();
      await page.waitForLoadState();
    }
    await page.goto(`${gateway.origin}/compte/connexion`);
    await signIn();
    await fill(page.locator('main form'), { code: recovery[1] });
    await page.waitForURL(/\/espace-client\/$/);
    await page.locator('a[href^="/espace-client/double-authentification"]').first().click();
    assert.match(await page.locator('main').innerText(), /8 codes de secours/);
    await fill(page.locator('form[action*="/retrait"]'), { mot_de_passe_actuel: PASSWORD, code: recovery[2] });
    await page.waitForURL(/fait=double-authentification-retiree$/);
    await page.locator('a[href^="/espace-client/journal"]').click();
    assert.match(await page.locator('main table').innerText(), /Double authentification retirée[\s\S]*Code de secours utilisé/);
  });

  test(`a visitor computes an annuity ${how} JavaScript`, async () => {
    const page = await open(script, '/calculateurs/rente/');
    await page.locator('main [name=age]').fill('65');
    await page.locator('main [name=rate]').fill('2');
    await page.locator('main form button[type=submit]').click();
    assert.match(page.url(), /\/calculateurs\/rente\/resultat\?/);
    assert.match(await page.locator('main').innerText(), /€/);
  });

  test(`a client signs in, buys on the test page and signs out ${how} JavaScript`, async () => {
    const email = `client-${how}@example.org`;
    gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified'], `${PASSWORD}\n`);
    const page = await open(script, '/compte/connexion?suite=/offres/rente/');
    await page.locator('[name=email]').fill(email);
    await page.locator('[name=mot_de_passe]').fill(PASSWORD);
    await page.locator('main form button[type=submit]').click();
    assert.match(page.url(), /\/offres\/rente\/$/);
    await page.locator('form[action^="/commande"] [name=cgv]').check();
    await page.locator('form[action^="/commande"] button[type=submit]').click();
    assert.match(page.url(), /\/paiement-test\//);
    assert.match(await page.locator('main').innerText(), /test/i);
    await page.locator('button[name=issue][value=payer]').click();
    assert.match(page.url(), /\/commande\/merci/);
    await page.goto(`${gateway.origin}/espace-client/`);
    assert.match(await page.locator('main table').innerText(), /Rentes viagères\s+payée/i);
    assert.ok(gateway.admin(['orders', 'list']).some(({ state, offer }) => state === 'paid' && offer === 'rente'));
    await page.locator('form[action="/compte/deconnexion"] button').first().click();
    await page.goto(`${gateway.origin}/espace-client/`);
    assert.match(page.url(), /\/compte\/connexion\?suite=/);
  });
}
