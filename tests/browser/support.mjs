// Starts the built binary on a scratch folder, and Chromium on it.

import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
/** The browser under test. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const aops = process.env.AOPS ?? join(repository, 'target/debug/aops');

export class Gateway {
  /** `watched`: on copies that a test may change. `configured`: what a test makes of site.toml. */
  static async start({ watched = false, configured = (text) => text } = {}) {
    const gateway = new Gateway();
    gateway.root = mkdtempSync(join(tmpdir(), 'aops-browser-'));
    for (const name of ['content', 'themes', 'deploy']) {
      if (watched) cpSync(join(repository, name), join(gateway.root, name), { recursive: true });
      else symlinkSync(join(repository, name), join(gateway.root, name));
    }
    writeFileSync(join(gateway.root, 'site.toml'), configured(readFileSync(join(repository, 'site.toml'), 'utf8')));
    const [https, http, operations] = await Promise.all([freePort(), freePort(), freePort()]);
    gateway.origin = `https://localhost:${https}`;
    gateway.http = http;
    gateway.env = {
      ...process.env, AOPS_LIMITS_FACTOR: '1000', AOPS_HTTPS: `127.0.0.1:${https}`,
      AOPS_HTTP: `127.0.0.1:${http}`, AOPS_OPERATIONS: `127.0.0.1:${operations}`,
    };
    const log = openSync(join(gateway.root, 'serve.log'), 'a');
    gateway.process = spawn(aops, ['--root', gateway.root, 'serve', ...(watched ? ['--watch'] : [])], { env: gateway.env, stdio: ['ignore', log, log] });
    for (let tries = 0; ; tries++) {
      const ready = await fetch(`http://127.0.0.1:${operations}/readyz`).catch(() => null);
      if (ready?.ok) return gateway;
      if (tries > 600 || gateway.process.exitCode !== null) {
        throw new Error(readFileSync(join(gateway.root, 'serve.log'), 'utf8'));
      }
      await pause(100);
    }
  }

  stop() {
    this.process.kill('SIGKILL');
    rmSync(this.root, { recursive: true, force: true });
  }

  /** What the process has written so far. */
  log() {
    return readFileSync(join(this.root, 'serve.log'), 'utf8');
  }

  admin(args, input = '') {
    const done = spawnSync(aops, ['--root', this.root, 'admin', ...args, '--json'], { env: this.env, input, encoding: 'utf8', timeout: 60_000 });
    if (done.status !== 0) throw new Error(`aops admin ${args.join(' ')}: ${done.error ?? done.stderr}`);
    return JSON.parse(done.stdout);
  }

  /** The address of the first link that holds `path` in a mail to `recipient`. */
  async linkInMail(recipient, path) {
    for (let tries = 0; tries < 200; tries++) {
      for (const name of readdirSync(join(this.root, 'data/mail')).filter((name) => name.endsWith('.eml'))) {
        const mail = readFileSync(join(this.root, 'data/mail', name), 'utf8').replaceAll('=\r\n', '').replaceAll('=3D', '=');
        const found = mail.match(new RegExp(`https://[^\\s"<>]*${path.replace('?', '\\?')}[^\\s"<>]*`));
        if (found && mail.includes(`To: ${recipient}`)) return found[0];
      }
      await pause(100);
    }
    throw new Error(`no mail leads to ${path}`);
  }
}

const PASSWORD = 'Cheval-correct-agrafe-9';

/** A new client's page of the client area, once signed in; `plan` is what staff let them use. */
export async function client(gateway, chromium, path, email, { javaScriptEnabled = true, width = 1280, plan } = {}) {
  gateway.admin(['account', 'create', '--email', email, '--password-stdin', '--verified', ...(plan ? ['--plan', plan] : [])], `${PASSWORD}\n`);
  const context = await chromium.newContext({ ignoreHTTPSErrors: true, locale: 'fr-FR', javaScriptEnabled, viewport: { width, height: 800 } });
  const page = await context.newPage();
  await page.goto(`${gateway.origin}/compte/connexion?suite=${encodeURIComponent(path)}`);
  await page.locator('main [name=email]').fill(email);
  await page.locator('main [name=mot_de_passe]').fill(PASSWORD);
  await page.locator('main form:not([data-passkey]) button[type=submit]').click();
  await page.waitForURL((url) => url.pathname === path);
  return page;
}

/** Chromium, as it runs without a screen and without asking anybody for anything. */
export function browser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
