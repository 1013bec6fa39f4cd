// How a page looks: what axe finds, whether it fits the screen, and a picture for people to look at.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
/** What axe holds good beside the guidelines. */
export const BEST = [...WCAG, 'best-practice'];

/** Axe finds nothing, and nothing is wider than the screen. */
export async function clean(page, rules = WCAG) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), rules);
  const { width } = page.viewportSize();
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), [], `${page.url()} ${width}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  assert.equal(wide, false, `${page.url()} is wider than ${width}`);
}

/** A picture in the folder that `AOPS_PICTURES` names, if it names one. */
export function picture(page, name) {
  return process.env.AOPS_PICTURES ? page.screenshot({ path: join(process.env.AOPS_PICTURES, `${name}.png`), fullPage: true }) : null;
}
