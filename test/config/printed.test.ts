// The resolved configuration as people read it: everything as it counts, and no secret, whatever it was written into.

import { describe, expect, it } from 'vitest';
import { printedConfig } from '../../src/config/printed.ts';
import { BASE, load, problems } from './folder.ts';

function printed(text: string, more: Parameters<typeof load>[1] = {}) {
  const loaded = load(text, more);
  if (!loaded.ok) throw new Error(problems(loaded).join('\n'));
  return printedConfig(loaded.config);
}

describe('a printed configuration', () => {
  it('has defaults, durations and paths worked out', () => {
    expect(printed(BASE)).toMatchObject({
      issuer: 'https://sts.acme.example',
      listen: { address: '0.0.0.0:8443', tls: { certificate: '/etc/x/tls.crt', key: '/etc/x/tls.key' } },
      observe: { address: '[::1]:9464' },
      trust: {
        mesh: { kind: 'spiffe', audience: 'https://sts.acme.example', bundle: { file: '/etc/x/bundles/prod.json' } },
      },
      targets: { ledger: { kind: 'token', address: 'https://api.acme.example/ledger' } },
      keys: { directory: '/keys', rotateEverySeconds: 2_592_000 },
      audit: { to: 'stdout', sync: true },
    });
  });

  it('holds neither the key of the listener nor what its files hold', () => {
    const text = JSON.stringify(printed(BASE));
    for (const secret of ['CERTIFICATE', '"KEY"', '{\\"keys', 'rules:']) expect(text).not.toContain(secret);
  });

  it('shows a reference where something came from one, also inside another text and as a name', () => {
    const text = BASE.replace('/keys', `"/mnt/\${TENANT}/keys"`).replace(
      'to: stdout',
      `to: stdout, labels: { tenant: "\${TENANT}" }`,
    );
    const shown = printed(text, { env: { TENANT: 'hush-hush' } });
    expect(shown).toMatchObject({
      keys: { directory: `/mnt/\${TENANT}/keys` },
      audit: { labels: { tenant: `\${TENANT}` } },
    });
    expect(JSON.stringify(shown)).not.toContain('hush-hush');
  });
});
