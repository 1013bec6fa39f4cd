// The consent module as a visitor meets it: nothing before a choice, each choice, changing one's mind, and what may
// go wrong. Third parties are stubs that the tests serve; their hosts are the ones of services.toml.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { Gateway, browser } from './support.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CHOICES = ['OK pour moi', 'Non merci', 'Je choisis'];

let gateway;
let chromium;

before(async () => {
  [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
});

after(async () => {
  await chromium?.close();
  gateway?.stop();
});

/** A visitor, and every request to somebody else, each answered by a stub that sets what the real one sets. */
async function visitor(options = {}, host = gateway) {
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', viewport: { width: 390, height: 800 }, ...options });
  const strangers = [];
  await context.route((url) => url.origin !== host.origin, (route) => {
    const url = route.request().url();
    strangers.push(url);
    if (url.includes('googletagmanager')) return route.fulfill({ contentType: 'text/javascript', body: 'document.cookie = "_ga=GA1.1; path=/; secure"; document.cookie = "_ga_EXEMPLE000=GS1; path=/; secure"; fetch("https://region1.google-analytics.com/g/collect", { method: "POST", mode: "no-cors" });' });
    if (url.includes('licdn')) return route.fulfill({ contentType: 'text/javascript', body: 'localStorage.setItem("li_adsId", "1"); new Image().src = "https://px.ads.linkedin.com/collect";' });
    return route.fulfill({ contentType: 'text/html', body: '<title>stub</title>' });
  });
  return { context, strangers, hosts: () => [...new Set(strangers.map((url) => new URL(url).host))].sort() };
}

async function open(context, path = '/', host = gateway) {
  const page = await context.newPage();
  await page.goto(host.origin + path, { waitUntil: 'networkidle' });
  return page;
}

const choose = (page, name) => page.getByRole('button', { name, exact: true }).first().click();
const names = async (context) => (await context.cookies()).map(({ name }) => name).sort();
const gone = (page) => page.locator('section.consent').waitFor({ state: 'detached' });

// Proves p-nothing-before, p-consent-change.
for (const path of ['/', '/articles/', '/nulle-part/', '/compte/connexion', '/en/', '/consentement', '/newsletter/merci']) {
  test(`p-consent-first-visit: ${path} asks with three equal buttons, and does nothing before the answer`, async () => {
    const { context, strangers } = await visitor(path === '/en/' ? { locale: 'en-GB' } : {});
    const page = await open(context, path);
    const buttons = page.locator('section.consent button');
    const looks = await buttons.evaluateAll((all) => all.map((button) => {
      const { width, height } = button.getBoundingClientRect();
      const style = getComputedStyle(button);
      return [button.tagName, width, height, style.color, style.backgroundColor, style.fontSize, style.fontWeight, style.borderColor].join();
    }));
    assert.equal(new Set(looks).size, 1, looks.join('\n'));
    const words = await buttons.allTextContents();
    assert.deepEqual(words, path === '/en/' ? ['OK for me', 'No thanks', 'Let me choose'] : CHOICES);
    await page.mouse.wheel(0, 2000);
    await page.keyboard.press('Escape');
    await page.waitForTimeout(200);
    assert.deepEqual(strangers, [], 'p-nothing-before');
    assert.deepEqual(await names(context), []);
    const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
    assert.deepEqual(kept, [0, 0, '']);
    const shift = await page.evaluate(() => new Promise((resolve) => {
      let sum = 0;
      new PerformanceObserver((list) => { for (const { value } of list.getEntries()) sum += value; }).observe({ type: 'layout-shift', buffered: true });
      setTimeout(() => resolve(sum), 100);
    }));
    assert.ok(shift <= 0.01, `shift ${shift}`);
    assert.equal(await page.locator('footer a', { hasText: /^Cookies$/ }).count(), 1, 'p-consent-change');
    await context.close();
  });
}

test('p-accept-all: accepting loads exactly the listed services, in the page, and what was typed stays', async () => {
  const { context, hosts } = await visitor();
  const page = await open(context, '/contact/');
  await page.locator('[name=message]').fill('Ce que je tapais');
  await choose(page, 'OK pour moi');
  await gone(page);
  await page.waitForTimeout(500);
  assert.deepEqual(hosts(), ['px.ads.linkedin.com', 'region1.google-analytics.com', 'snap.licdn.com', 'www.googletagmanager.com']);
  assert.equal(await page.locator('[name=message]').inputValue(), 'Ce que je tapais');
  assert.deepEqual(await names(context), ['_ga', '_ga_EXEMPLE000', '__Host-consentement'].sort());
  const proofs = gateway.admin(['consents', 'list']);
  const proof = proofs.at(-1);
  assert.deepEqual([proof.audience, proof.social, proof.policy, proof.services.length], [true, true, '2023-01-25', 4]);
  assert.doesNotMatch(JSON.stringify(proof), /127\.0\.0\.1|Mozilla/);
  const next = await open(context, '/articles/');
  assert.equal(await next.locator('section.consent').count(), 0);
  await context.close();
});

test('p-audience-anonymous: Google Analytics is told to anonymise, and sees neither query nor user', async () => {
  const { context } = await visitor();
  const page = await open(context, '/articles/?jeton=secret');
  await choose(page, 'OK pour moi');
  await gone(page);
  await page.waitForTimeout(400);
  const frame = page.frames().find((other) => other !== page.mainFrame());
  const layer = await frame.evaluate(() => JSON.stringify(window.dataLayer.map((entry) => [...entry])));
  assert.match(layer, /"anonymize_ip":true,"allow_google_signals":false,"allow_ad_personalization_signals":false/);
  assert.doesNotMatch(layer + frame.url(), /secret|user_id/);
  await context.close();
});

// Proves p-consent-12-months.
test('p-refuse-all: refusing keeps the record of it alone, for six months, and asks no more', async () => {
  const { context, strangers } = await visitor();
  const page = await open(context, '/');
  await choose(page, 'Non merci');
  await gone(page);
  const [cookie, ...others] = await context.cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.secure, cookie.sameSite, others.length], ['__Host-consentement', true, true, 'Lax', 0]);
  const days = (cookie.expires - Date.now() / 1000) / 86_400;
  assert.ok(days > 180 && days < 185, `p-consent-12-months: ${days}`);
  await page.goto(`${gateway.origin}/contact/`, { waitUntil: 'networkidle' });
  assert.equal(await page.locator('section.consent').count(), 0);
  const [later] = await context.cookies();
  assert.equal(later.expires, cookie.expires, 'a visit does not prolong it');
  assert.deepEqual(strangers, []);
  await context.close();
});

// Proves p-by-design.
test('p-choose: everything is off at first, a kind and its services keep in step, and only what is saved runs', async () => {
  const { context, hosts } = await visitor();
  const page = await open(context, '/');
  await choose(page, 'Je choisis');
  const boxes = page.locator('dialog [type=checkbox]');
  assert.ok((await boxes.evaluateAll((all) => all.map(({ checked }) => checked))).every((checked) => !checked));
  await page.locator('dialog [name=social]').check();
  assert.equal(await page.locator('dialog [name=service_youtube]').isChecked(), true);
  await page.locator('dialog [name=service_linkedin_insight]').uncheck();
  assert.equal(await page.locator('dialog [name=social]').evaluate(({ indeterminate }) => indeterminate), true);
  await page.locator('dialog [name=social]').check();
  await page.locator('dialog [name=social]').uncheck();
  await page.locator('dialog [name=service_google_analytics]').check();
  await page.locator('dialog [value=selection]').click();
  await gone(page);
  await page.waitForTimeout(400);
  assert.deepEqual(hosts(), ['region1.google-analytics.com', 'www.googletagmanager.com']);
  const proof = gateway.admin(['consents', 'list']).at(-1);
  assert.deepEqual([proof.audience, proof.social, proof.services], [true, false, ['google_analytics']]);
  await context.close();
});

test('the keyboard alone suffices; Escape chooses nothing; the focus comes back where it was', async () => {
  const { context } = await visitor();
  const page = await open(context, '/contact/');
  await page.locator('[name=nom]').focus();
  await page.locator('section.consent [value=choisir]').focus();
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('dialog').evaluate((dialog) => dialog.open), true);
  assert.equal(await page.evaluate(() => document.querySelector('dialog').contains(document.activeElement)), true);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog').evaluate((dialog) => dialog.open), false);
  assert.equal(await page.evaluate(() => document.activeElement.value), 'choisir');
  assert.deepEqual(await names(context), []);
  await page.locator('section.consent [value=rien]').focus();
  await page.keyboard.press('Enter');
  await gone(page);
  assert.equal(await page.evaluate(() => document.activeElement.name), 'nom');
  const link = page.locator('footer a[data-consent]');
  await link.focus();
  await page.keyboard.press('Enter');
  await page.locator('dialog [value=fermer]').click();
  assert.equal(await page.evaluate(() => document.activeElement.hasAttribute('data-consent')), true);
  await context.close();
});

test('the question hides nothing that has the focus', async () => {
  const { context } = await visitor();
  const page = await open(context, '/contact/');
  for (const field of ['prenom', 'message']) {
    await page.locator(`[name=${field}]`).focus();
    await page.locator(`[name=${field}]`).evaluate((element) => element.scrollIntoView({ block: 'nearest' }));
  }
  await page.locator('footer a[data-consent]').focus();
  await page.waitForTimeout(1500);
  const [link, question] = await Promise.all(['footer a[data-consent]', 'section.consent'].map((mark) => page.locator(mark).boundingBox()));
  assert.ok(link.y + link.height <= question.y, `${link.y} under ${question.y}`);
  await context.close();
});

test('p-consent-change: withdrawal removes the cookies of services and stops them at once, in every tab', async () => {
  const { context, strangers } = await visitor();
  const page = await open(context, '/');
  const other = await open(context, '/articles/');
  await choose(page, 'OK pour moi');
  await gone(page);
  await gone(other);
  await page.waitForTimeout(400);
  assert.deepEqual([page.frames().length, other.frames().length], [2, 2]);
  await page.locator('footer a[data-consent]').click();
  assert.equal(await page.locator('dialog [name=service_google_analytics]').isChecked(), true);
  await page.locator('dialog [value=rien]').click();
  await page.waitForFunction(() => !document.querySelector('iframe'));
  await other.waitForFunction(() => !document.querySelector('iframe'));
  assert.deepEqual(await names(context), ['__Host-consentement']);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  const before = strangers.length;
  await page.goto(`${gateway.origin}/glossaire/`, { waitUntil: 'networkidle' });
  assert.equal(strangers.length, before);
  await context.close();
});

test('p-gpc: Global Privacy Control is a refusal without a question, by the header and by the script', async () => {
  for (const how of ['header', 'script']) {
    const { context, strangers } = await visitor(how === 'header' ? { extraHTTPHeaders: { 'sec-gpc': '1' } } : {});
    if (how === 'script') await context.addInitScript(() => Object.defineProperty(navigator, 'globalPrivacyControl', { value: true }));
    const page = await open(context, '/');
    assert.equal(await page.locator('section.consent').count(), 0, how);
    assert.deepEqual([strangers, await names(context)], [[], []]);
    await context.close();
  }
});

// Proves p-consent-change, p-disable.
test('without JavaScript nothing is asked or loaded, and a plain form does all of it', async () => {
  const { context, strangers } = await visitor({ javaScriptEnabled: false });
  const page = await open(context, '/');
  await page.locator('footer a', { hasText: /^Cookies$/ }).click();
  assert.match(page.url(), /\/cookies\/$/);
  await page.locator('main [name=service_youtube]').check();
  await page.locator('main .consent-form [value=selection]').click();
  assert.match(page.url(), /\/consentement\?fait=choix/);
  assert.match(await page.locator('main').innerText(), /Votre choix est enregistré[\s\S]*Vidéos YouTube/);
  assert.equal(await page.locator('[name=service_youtube]').isChecked(), true);
  await page.locator('main .consent-form [value=rien]').click();
  assert.match(await page.locator('main').innerText(), /refusé tous les services/);
  await page.locator('main [name=mesure][value=refuser]').click();
  assert.match(await page.locator('main').innerText(), /ne sont pas comptées/);
  assert.deepEqual(await names(context), ['__Host-consentement', '__Host-opposition']);
  assert.deepEqual(strangers, []);
  await context.close();
});

// Proves p-disable.
test('an altered or foreign cookie is no choice; a storage that is refused breaks nothing', async () => {
  for (const value of ['x', 'A'.repeat(3900), '%7B%7D', 'bGVkaXQ']) {
    const { context, strangers } = await visitor();
    await context.addCookies([{ name: '__Host-consentement', value, url: gateway.origin, secure: true }]);
    const page = await open(context, '/');
    assert.equal(await page.locator('section.consent').count(), 1, value.slice(0, 20));
    assert.deepEqual(strangers, []);
    await context.close();
  }
  const { context } = await visitor();
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('refused', 'SecurityError'); } });
    delete window.BroadcastChannel;
  });
  const page = await open(context, '/');
  await choose(page, 'Non merci');
  await gone(page);
  await context.close();
});

test('a choice that cannot be recorded is told, loads nothing, and can be tried again', async () => {
  const { context, strangers } = await visitor();
  const page = await open(context, '/');
  await context.route('**/consentement', (route) => (route.request().method() === 'POST' ? route.abort() : route.fallback()));
  await choose(page, 'OK pour moi');
  await page.locator('section.consent [role=alert]').waitFor();
  assert.deepEqual(strangers, []);
  await context.unroute('**/consentement');
  await choose(page, 'Non merci');
  await gone(page);
  await context.close();
});

test('p-third-party-embeds: one click loads one video, the link stays, and nothing else is loaded', async () => {
  const { context, strangers } = await visitor();
  const page = await open(context, '/');
  // No article has a video yet: the mark-up is that of the theme's shortcode.
  await page.evaluate(() => {
    document.querySelector('main').insertAdjacentHTML('beforeend', '<figure class="embed"><p class="embed-frame"><a href="https://www.youtube.com/watch?v=dQw4w9WgXcQ" data-embed="youtube">Voir</a><button type="button" data-player>Lire</button></p></figure>');
  });
  assert.deepEqual(strangers, []);
  await choose(page, 'Non merci');
  await gone(page);
  await page.waitForTimeout(200);
  assert.deepEqual([strangers, await page.locator('.embed iframe').count()], [[], 0], 'a refusal opens none');
  await page.locator('[data-player]').click();
  await page.locator('.embed iframe').waitFor();
  await page.waitForTimeout(400);
  assert.deepEqual(strangers, ['https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ']);
  assert.equal(await page.locator('.embed a').count(), 1);
  await context.close();
});

test('in every state, light and dark, narrow and wide, axe finds nothing', async () => {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [360, 1440]) {
      const { context } = await visitor({ colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
      const page = await open(context, '/cookies/');
      const audit = async (state) => {
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`), [], `${state} ${colorScheme} ${width}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(wide <= 0, `${state}: ${wide} pixels too wide`);
      };
      await audit('question');
      await choose(page, 'Je choisis');
      await audit('panel');
      await page.locator('dialog [value=tout]').click();
      await gone(page);
      await audit('accepted');
      await page.locator('footer a[data-consent]').click();
      await page.locator('dialog [value=rien]').click();
      await page.waitForFunction(() => !document.querySelector('iframe'));
      await audit('refused');
      await context.close();
    }
  }
});

test('p-cookie-categories: whatever the site keeps in a browser is in the registry', async () => {
  const registry = readFileSync(new URL('../../themes/aops/services.toml', import.meta.url), 'utf8');
  const listed = [...registry.matchAll(/^name = "([^"]+)"$/gm)].flatMap(([, name]) => name.split(', '));
  const { context } = await visitor();
  const page = await open(context, '/contact/');
  await choose(page, 'Non merci');
  await gone(page);
  await page.locator('[name=message]').fill('Un brouillon');
  await page.waitForFunction(() => sessionStorage.length > 0);
  await page.goto(`${gateway.origin}/articles/`, { waitUntil: 'networkidle' });
  const keys = await page.evaluate(() => [...Object.keys(sessionStorage), ...Object.keys(localStorage)]);
  assert.ok(keys.length > 0);
  assert.deepEqual([...keys, ...(await names(context))].filter((name) => !listed.includes(name)), []);
  await context.close();
});

test('script and style of the module weigh at most 4 kB in brotli', () => {
  const root = new URL('../../themes/aops/', import.meta.url);
  const weight = ['scripts/consent.js', 'styles/68-consent.css'].map((name) => brotliCompressSync(readFileSync(new URL(name, root))).length);
  assert.ok(weight[0] + weight[1] <= 4096, weight.join(' + '));
});

// Proves p-processors.
test('with Axeptio as the provider, its module asks, and the same gate holds', async () => {
  const host = await Gateway.start({
    configured: (text) => text.replace('provider = "aops"', 'provider = "axeptio"').replace('# Prices are', '[consent.axeptio]\nclient = "essai"\ncookies_version = "aops-fr"\n\n# Prices are'),
  });
  try {
    const { context, hosts } = await visitor({}, host);
    await context.route('https://static.axept.io/sdk.js', (route) => route.fulfill({ contentType: 'text/javascript', body: `
      const told = [];
      window.answer = (choices) => told.forEach((tell) => tell(choices));
      window.openAxeptioCookies = () => { window.opened = true; };
      for (const ready of window._axcb) ready({ on: (name, tell) => { if (name === 'cookies:complete') told.push(tell); } });` }));
    const page = await open(context, '/', host);
    assert.equal(await page.locator('section.consent').count(), 0);
    assert.deepEqual(await page.evaluate(() => window.axeptioSettings), { clientId: 'essai', cookiesVersion: 'aops-fr' });
    assert.deepEqual(hosts(), []);
    await page.locator('footer a[data-consent]').click();
    assert.equal(await page.evaluate(() => window.opened), true);
    await page.evaluate(() => window.answer({ google_analytics: true, youtube: false, linkedin: false, linkedin_insight: false }));
    await page.waitForSelector('iframe', { state: 'attached' });
    await page.waitForTimeout(400);
    assert.deepEqual(hosts(), ['region1.google-analytics.com', 'www.googletagmanager.com']);
    const proof = host.admin(['consents', 'list']).at(-1);
    assert.deepEqual(proof.services, ['google_analytics']);
    await page.evaluate(() => window.answer({ google_analytics: false }));
    await page.waitForFunction(() => !document.querySelector('iframe'));
    await context.close();
  } finally {
    host.stop();
  }
});
