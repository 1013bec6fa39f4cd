// Pictures of every kind of page for people to look at: `node tests/browser/screenshots.mjs FOLDER`. The question of
// consent is answered first: it would hide the foot of each page.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { KINDS, WRITTEN } from './page_kinds.mjs';
import { Gateway, browser } from './support.mjs';

const WIDTHS = [360, 768, 1440];

const folder = process.argv[2];
if (!folder) {
  console.error('usage: node tests/browser/screenshots.mjs FOLDER');
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const [gateway, chromium] = await Promise.all([Gateway.start(), browser()]);
try {
  for (const colorScheme of ['light', 'dark']) {
    const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', colorScheme });
    const home = await context.newPage();
    await home.goto(`${gateway.origin}/`, { waitUntil: 'networkidle' });
    const version = await home.locator('template#consentement').getAttribute('data-version');
    const answer = await context.request.post(`${gateway.origin}/consentement`, { data: { version, audience: false, social: false } });
    if (!answer.ok()) throw new Error(`the question of consent cannot be answered: ${answer.status()}`);
    await home.close();
    const page = await context.newPage();
    for (const path of [...KINDS, ...WRITTEN.map(([written]) => written)]) {
      await page.goto(gateway.origin + path, { waitUntil: 'networkidle' });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        const name = path.split('?', 1)[0].replace(/\W+/g, '_').replace(/^_|_$/g, '') || 'home';
        const more = path.includes('?') ? `-${WRITTEN.findIndex(([written]) => written === path)}` : '';
        await page.screenshot({ path: join(folder, `${name}${more}-${width}-${colorScheme}.png`), fullPage: true });
      }
    }
    await context.close();
  }
} finally {
  await chromium.close();
  gateway.stop();
}
