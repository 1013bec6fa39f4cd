// Passkeys in real Chromium, with an authenticator that its developer tools play (WebDriver's virtual authenticator).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
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

function account(email) {
  gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified'], `${PASSWORD}\n`);
}

async function open(path, { javaScriptEnabled = true, width = 390 } = {}) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled, viewport: { width, height: 800 } });
  const page = await context.newPage();
  await page.goto(gateway.origin + path);
  return page;
}

/** A telephone that verifies its holder and answers when it is told to. */
async function authenticator(page) {
  const tools = await page.context().newCDPSession(page);
  await tools.send('WebAuthn.enable');
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: false };
  const { authenticatorId } = await tools.send('WebAuthn.addVirtualAuthenticator', { options });
  return {
    /** Whether whoever holds it touches it. */
    touched: (enabled) => tools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
    verified: (isUserVerified) => tools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    keys: async () => (await tools.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
  };
}

/** Arrives at a path: the way back stands in the query of the page before. */
function arrives(page, path) {
  return page.waitForURL((url) => url.pathname === path);
}

async function signIn(page, email) {
  await page.locator('main [name=email]').fill(email);
  await page.locator('main [name=mot_de_passe]').fill(PASSWORD);
  await page.locator('main form:not([data-passkey]) button[type=submit]').click();
}

async function signOut(page) {
  await page.goto(`${gateway.origin}/espace-client/`);
  await page.locator('form[action="/compte/deconnexion"] button').first().click();
  await page.waitForLoadState();
}

for (const width of [390, 1280]) {
  test(`a client adds a passkey, signs in with it alone, and removes it, ${width} wide`, async () => {
    const email = `cle-${width}@example.org`;
    account(email);
    const page = await open('/compte/connexion', { width });
    // By the button alone: what the browser proposes by itself is a test of its own.
    await page.addInitScript(() => { PublicKeyCredential.isConditionalMediationAvailable = async () => false; });
    await page.goto(`${gateway.origin}/compte/connexion?suite=/espace-client/cles-acces`);
    const phone = await authenticator(page);
    await signIn(page, email);
    await arrives(page, '/espace-client/cles-acces');
    const form = page.locator('form[data-passkey=create]');
    await form.locator('[name=nom_cle]').fill('Mon téléphone');
    await phone.touched(true);
    await form.locator('button').click();
    await page.waitForURL(/fait=ajoutee$/);
    await phone.touched(false);
    assert.match(await page.locator('main').innerText(), /Mon téléphone[\s\S]*jamais utilisée/);
    const [key] = await phone.keys();
    assert.equal(key.isResidentCredential, true);
    await signOut(page);
    await page.goto(`${gateway.origin}/compte/connexion?suite=/espace-client/appareils`);
    await phone.touched(true);
    await page.locator('form[data-passkey=get] button').click();
    await arrives(page, '/espace-client/appareils');
    await phone.touched(false);
    assert.match(await page.locator('main li').first().innerText(), /Chrome sur Linux[\s\S]*cette session/);
    await page.goto(`${gateway.origin}/espace-client/cles-acces`);
    assert.match(await page.locator('main').innerText(), /utilisée le/);
    await page.locator('form[action*="/nom"] [name=nom_cle]').fill('Bureau');
    await page.locator('form[action*="/nom"] button').click();
    await page.waitForURL(/fait=nommee$/);
    await page.locator('form[action*="/retrait"] button').click();
    await page.waitForURL(/fait=retiree$/);
    await signOut(page);
    await page.goto(`${gateway.origin}/compte/connexion`);
    await phone.touched(true);
    await page.locator('form[data-passkey=get] button').click();
    await page.locator('.fault-summary').waitFor();
    assert.match(await page.locator('.fault-summary').innerText(), /n’est pas connue ici/);
    const letters = await gateway.linkInMail(email, '/confidentialite');
    assert.ok(letters);
  });
}

test('the browser proposes passkeys in the field of the address, without being asked', async () => {
  account('propose@example.org');
  const page = await open('/compte/connexion?suite=/espace-client/cles-acces');
  const phone = await authenticator(page);
  await signIn(page, 'propose@example.org');
  await arrives(page, '/espace-client/cles-acces');
  await phone.touched(true);
  await page.locator('form[data-passkey=create] button').click();
  await page.waitForURL(/fait=ajoutee$/);
  await phone.touched(false);
  await signOut(page);
  await page.goto(`${gateway.origin}/compte/connexion`);
  assert.equal(await page.locator('[name=email]').getAttribute('autocomplete'), 'username webauthn');
  await phone.touched(true);
  // Whoever holds the telephone touches it at once, so that the page may leave while it loads.
  await page.reload({ waitUntil: 'commit' });
  await arrives(page, '/espace-client/');
});

test('a request that is cancelled or an unverified holder leaves the page as it was, and says so', async () => {
  account('annule@example.org');
  const page = await open('/compte/connexion?suite=/espace-client/cles-acces');
  const phone = await authenticator(page);
  await signIn(page, 'annule@example.org');
  await arrives(page, '/espace-client/cles-acces');
  await phone.verified(false);
  await phone.touched(true);
  const form = page.locator('form[data-passkey=create]');
  await form.locator('button').click();
  await form.locator('.field-fault').waitFor();
  assert.match(await form.locator('.field-fault').innerText(), /Rien n’a été fait/);
  assert.equal(new URL(page.url()).pathname, '/espace-client/cles-acces');
  assert.deepEqual(await phone.keys(), []);
});

test('without JavaScript no passkey is offered, and the password does it all', async () => {
  account('sans@example.org');
  const page = await open('/compte/connexion', { javaScriptEnabled: false });
  assert.equal(await page.locator('form[data-passkey]').isVisible(), false);
  await signIn(page, 'sans@example.org');
  await page.waitForURL(/\/espace-client\/$/);
  await page.locator('a[href^="/espace-client/cles-acces"]').click();
  assert.equal(await page.locator('form[data-passkey]').isVisible(), false);
  assert.match(await page.locator('main').innerText(), /Votre mot de passe suffit/);
  await page.goto(`${gateway.origin}/espace-client/appareils`);
  assert.match(await page.locator('main').innerText(), /Aucune autre session/);
});

test('a client ends the session of another device, changes address and closes the account without JavaScript', async () => {
  account('fin@example.org');
  const other = await open('/compte/connexion');
  await signIn(other, 'fin@example.org');
  const page = await open('/compte/connexion', { javaScriptEnabled: false });
  await signIn(page, 'fin@example.org');
  await page.locator('a[href^="/espace-client/appareils"]').click();
  await page.locator('main li form button').click();
  await page.waitForURL(/fait=une$/);
  await other.goto(`${gateway.origin}/espace-client/`);
  assert.match(other.url(), /\/compte\/connexion\?suite=/);
  await page.goto(`${gateway.origin}/espace-client/adresse`);
  await page.locator('main [name=email]').fill('nouvelle-fin@example.org');
  await page.locator('main form button[type=submit]').click();
  await page.waitForURL(/fait=demandee$/);
  await page.goto(await gateway.linkInMail('nouvelle-fin@example.org', '/compte/adresse?jeton='));
  await page.locator('main form button[type=submit]').click();
  assert.match(await page.locator('h1').innerText(), /Adresse changée/);
  await page.goto(`${gateway.origin}/espace-client/`);
  assert.match(await page.locator('main').innerText(), /nouvelle-fin@example.org/);
  await page.locator('a[href^="/espace-client/fermeture"]').click();
  const [copy] = await Promise.all([page.waitForEvent('download'), page.locator('main a[href="/espace-client/donnees.json"]').click()]);
  assert.equal(copy.suggestedFilename(), 'actuarem-donnees.json');
  const told = JSON.parse(readFileSync(await copy.path(), 'utf8'));
  assert.equal(told.address, 'nouvelle-fin@example.org');
  await page.locator('[name=fermeture]').check();
  await page.locator('main form button[type=submit]').click();
  await page.waitForURL(/\/compte\/ferme$/);
  await page.goto(`${gateway.origin}/compte/connexion`);
  await signIn(page, 'nouvelle-fin@example.org');
  await page.locator('.fault-summary').waitFor();
});

test('on the pages of safety, narrow and wide, light and dark, axe finds nothing and nothing is wider than the screen', async () => {
  account('axe@example.org');
  const page = await open('/compte/connexion');
  const phone = await authenticator(page);
  await signIn(page, 'axe@example.org');
  await arrives(page, '/espace-client/');
  await page.goto(`${gateway.origin}/espace-client/cles-acces`);
  await phone.touched(true);
  await page.locator('form[data-passkey=create] button').click();
  await page.waitForURL(/fait=ajoutee$/);
  for (const path of ['cles-acces', 'appareils', 'adresse', 'fermeture']) {
    for (const [width, colorScheme] of [[320, 'light'], [1280, 'dark']]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.goto(`${gateway.origin}/espace-client/${path}`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${path} ${width} ${id}: ${nodes[0].html}`), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} ${width}`);
    }
  }
});
