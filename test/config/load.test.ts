// From exchequer.yaml to a resolved configuration, in memory: what it becomes, and every problem at its place.

import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { BASE, FILES, load, problems } from './folder.ts';

function config(text = BASE, more: Parameters<typeof load>[1] = {}): Config {
  const loaded = load(text, more);
  if (!loaded.ok) throw new Error(problems(loaded).join('\n'));
  return loaded.config;
}

const source = (entry: string): string => BASE.replace('trust:\n', `trust:\n  extra: ${entry}\n`);

describe('loadConfig', () => {
  it('resolves defaults, durations and paths', () => {
    expect(config()).toMatchObject({
      issuer: 'https://sts.acme.example',
      listen: {
        host: '0.0.0.0',
        port: 8443,
        tls: { certificate: '/etc/x/tls.crt', key: '/etc/x/tls.key', certificatePem: 'CERTIFICATE', keyPem: 'KEY' },
      },
      observe: { host: '::1', port: 9464 },
      control: { socket: '/etc/x/run/control.sock' },
      sources: [
        {
          name: 'mesh',
          kind: 'spiffe',
          issuer: 'spiffe://prod.acme.example',
          audience: 'https://sts.acme.example',
          otherAudiences: false,
          require: {},
          options: { trustDomain: 'prod.acme.example', bundle: { file: '/etc/x/bundles/prod.json' } },
          position: { line: 8, column: 3 },
        },
      ],
      targets: [{ name: 'ledger', kind: 'token', address: 'https://api.acme.example/ledger' }],
      store: { directory: '/etc/x/state' },
      keys: { directory: '/keys', rotateEverySeconds: 2_592_000, publishAheadSeconds: 172_800 },
      audit: { to: 'stdout', sync: true, labels: {} },
      files: new Map([['/etc/x/bundles/prod.json', '{"keys":[]}']]),
      watched: [
        '/etc/x/exchequer.yaml',
        '/etc/x/tls.crt',
        '/etc/x/tls.key',
        '/etc/x/policies',
        '/etc/x/bundles/prod.json',
      ],
    });
  });

  it('keeps the common options of a source apart from those of its kind', () => {
    const entry =
      '{ kind: oidc, issuer: https://i.example, subjects: people, audience: a, otherAudiences: allow, require: { t: [1] }, replay: once, tell: operator, maxAge: 15m, jwks: { url: https://k.example, ca: ca.pem } }';
    const [extra] = config(source(entry), { files: { '/etc/x/ca.pem': 'CA' } }).sources;
    expect(extra).toMatchObject({
      audience: 'a',
      otherAudiences: true,
      replay: 'once',
      tell: 'operator',
      maxAgeSeconds: 900,
    });
    expect(extra?.require).toEqual({ t: [1] });
    expect(extra?.options).toEqual({
      issuer: 'https://i.example',
      subjects: 'people',
      privateNetwork: false,
      jwks: { url: 'https://k.example', ca: '/etc/x/ca.pem' },
    });
  });

  it('is frozen throughout', () => {
    const loaded = config();
    for (const part of [loaded, loaded.listen.tls, loaded.sources, loaded.sources[0]?.options, loaded.keys])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('has a digest that depends on every file that was read', () => {
    const digests = [
      config(),
      config(`${BASE}# a comment\n`),
      config(BASE, { files: { '/etc/x/policies/a.yaml': 'rules: [ ]\n' } }),
      config(BASE, { files: { '/etc/x/policies/b.yaml': 'rules: []\n' } }),
      config(BASE, { files: { '/etc/x/bundles/prod.json': '{}' } }),
      config(BASE, { files: { '/etc/x/tls.crt': 'RENEWED' } }),
      config(BASE.replace('stdout', `"\${TO}"`), { env: { TO: 'stdout' } }),
      config(BASE.replace('stdout', `"\${TO}"`), { env: { TO: 'file' } }),
    ].map(({ digest }) => digest);
    expect(new Set(digests).size).toBe(digests.length);
    expect(config().digest).toBe(digests[0]);
    for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('reads policies whatever the letter case of their extension: a deny is not left out without a word', () => {
    const { policyTexts } = config(BASE, {
      files: { '/etc/x/policies/deny.YAML': 'rules: []', '/etc/x/policies/x.md': '' },
    });
    expect(policyTexts.map(([name]) => name)).toContain('policies/deny.YAML');
    expect(policyTexts.map(([name]) => name)).not.toContain('policies/x.md');
  });

  it('says everything that is wrong at once, in the order of the file', () => {
    const text = BASE.replace('issuer: https', 'issuer: http')
      .replace('address: 0.0.0.0:8443', 'adress: 0.0.0.0:8443')
      .replace('kind: spiffe', 'kind: spife')
      .replace('kind: token', 'kind: token\n    proof: required')
      .replace('./policies', './policies, { path: 7 }')
      .replace('/keys }', '/keys, publishAhead: 60d }')
      .replace('to: stdout', `to: "\${NOWHERE}"`);
    expect(problems(load(text, { files: { '/etc/x/policies/a.yaml': 'a: &x 1' } }))).toEqual([
      'exchequer.yaml:1:1 issuer: must begin with https://, in lower case',
      'exchequer.yaml:2:1 listen.address: is missing: must be text',
      'exchequer.yaml:3:3 listen.adress: is not known here; allowed: address, tls; did you mean address?',
      'exchequer.yaml:9:5 trust.mesh.kind: is not one of its values; allowed: oidc, spiffe; did you mean spiffe?',
      'exchequer.yaml:15:5 targets.ledger.proof: `proof` is not built yet',
      'exchequer.yaml:17:26 policies[1].path: must be text, and is a number',
      'exchequer.yaml:19:27 keys.publishAhead: must be shorter than `rotateEvery`',
      `exchequer.yaml:20:10 audit.to: names \${NOWHERE}, which is not set`,
    ]);
  });

  it('says what is wrong in policies together with what is wrong in exchequer.yaml', () => {
    const bad = { '/etc/x/policies/a.yaml': 'a: &x 1' };
    expect(problems(load(BASE.replace('stdout', '7'), { files: bad }))).toEqual([
      'exchequer.yaml:19:10 audit.to: must be text, and is a number',
      'policies/a.yaml:1:4 a: anchors are not taken',
    ]);
  });

  it('does not load a configuration that cannot be read, or is no YAML', () => {
    expect(problems(load('a: [1'))).toEqual([expect.stringMatching(/^exchequer\.yaml:1:6 : /)]);
    expect(problems(load(''))).toEqual(['exchequer.yaml:1:1 : is empty']);
  });
});

describe('files that exchequer.yaml names', () => {
  it('does not load where a file of a source is missing', () => {
    expect(problems(load(BASE.replace('prod.json', 'gone.json')))).toEqual([
      'exchequer.yaml:11:15 trust.mesh.bundle.file: the file cannot be read (ENOENT)',
    ]);
  });

  it('tells apart that a file of the listener is missing: whoever does not listen needs none', () => {
    expect(config(BASE.replace('tls.key', 'gone.key')).listen.unread).toMatchObject([
      { line: 4, column: 32, path: 'listen.tls.key', message: 'the file cannot be read (ENOENT)' },
    ]);
    expect(config(BASE).listen.unread).toEqual([]);
  });

  it('does not load where a policy folder is missing, although another one holds policies', () => {
    expect(problems(load(BASE.replace('[./policies]', '[./policies, ./gone]')))).toEqual([
      'exchequer.yaml:16:24 policies[1]: the folder cannot be read (ENOENT)',
    ]);
  });

  it('does not load where no folder holds a policy', () => {
    const files = { '/etc/x/empty/README.md': '', '/etc/x/empty/.hidden.yaml': '', '/etc/x/empty/.git/a.yaml': '' };
    expect(problems(load(BASE.replace('./policies', './empty'), { files }))).toEqual([
      'exchequer.yaml:16:1 policies: no folder holds a policy (*.yaml or *.yml)',
    ]);
  });

  it('reads *.yaml and *.yml at every depth, once, in the order of their names', () => {
    const files = {
      '/etc/x/policies/z.yml': 'rules: []',
      '/etc/x/policies/team/b.yaml': 'rules: []',
      '/etc/x/policies/team/.b.yaml.swp': 'no: &yaml',
      '/etc/x/policies/..data/c.yaml': 'no: &yaml',
      '/etc/x/policies/notes.txt': 'no: &yaml',
    };
    const loaded = config(BASE.replace('[./policies]', '[./policies/team, ./policies]'), { files });
    expect(loaded.policyTexts.map(([file]) => file)).toEqual([
      'policies/a.yaml',
      'policies/team/b.yaml',
      'policies/z.yml',
    ]);
  });

  it('keeps the private key out of the files that others see', () => {
    expect([...config().files.values()]).not.toContain(FILES['/etc/x/tls.key']);
  });
});
