// Our own tokens as a trust source: written `self: {}`, under that name and no other.

import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/compose-kinds.ts';
import { loadConfig } from '../../src/config/load.ts';

function load(trust: string) {
  const texts = new Map([
    [
      '/etc/x/exchequer.yaml',
      `issuer: https://sts.example
listen: { address: 127.0.0.1:0, tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: 127.0.0.1:0 }
control: { socket: ./control.sock }
trust: ${trust}
targets: { ledger: { kind: token, audience: https://api.example } }
policies: [./policies]
store: { directory: ./state }
keys: { directory: ./keys }
audit: { to: stdout }
`,
    ],
    ['/etc/x/tls.crt', ''],
    ['/etc/x/tls.key', ''],
    ['/etc/x/policies/p.yaml', 'rules: []\n'],
  ]);
  const read = (path: string) => {
    const text = texts.get(path);
    if (text === undefined) throw new Error(`there is no ${path}`);
    return text;
  };
  const list = () => [{ path: '/etc/x/policies/p.yaml' }];
  const files = { read, list, probe: (path: string) => void read(path) };
  return loadConfig({ path: '/etc/x/exchequer.yaml', env: {}, kinds: KINDS, files });
}

const problems = (trust: string): readonly string[] => {
  const loaded = load(trust);
  return loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`);
};

describe('own tokens as a source', () => {
  it('are the source `self`, whose issuer is ours, and whose scopes are a ceiling', () => {
    const loaded = load('{ self: {} }');
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.config.sources[0]).toMatchObject({
      name: 'self',
      kind: 'self',
      issuer: 'https://sts.example',
      scopesAreCeiling: true,
    });
  });

  it.each([
    ['{ own: { kind: self } }', 'trust.own: own tokens are the source `self`, written `self: {}`'],
    [
      '{ self: { kind: oidc, issuer: https://i.example, subjects: people, tokens: [jwt] } }',
      'trust.self: own tokens are the source `self`, written `self: {}`',
    ],
    ['{ self: { audience: a } }', 'trust.self.audience: own tokens are for whatever they were issued for'],
  ])('%s does not load', (trust, problem) => {
    expect(problems(trust)).toContain(problem);
  });
});
