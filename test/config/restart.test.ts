// What a reload may not change.

import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { renamedSources, restartNeeded, withNamesOf } from '../../src/config/restart.ts';
import { BASE, load, problems } from './folder.ts';

function config(text = BASE, files: Record<string, string> = {}): Config {
  const loaded = load(text, { files });
  if (!loaded.ok) throw new Error(problems(loaded).join('\n'));
  return loaded.config;
}

describe('restartNeeded', () => {
  it.each([
    ['issuer', 'https://sts.acme.example', 'https://two.acme.example'],
    ['listen.address', '0.0.0.0:8443', '0.0.0.0:9443'],
    ['listen.tls.certificate', 'tls.crt', 'new.crt'],
    ['listen.tls.key', 'tls.key', 'new.key'],
    ['observe.address', '[::1]:9464', '[::]:9464'],
    ['control.socket', './run/control.sock', './control.sock'],
    ['store.directory', './state', './state2'],
    ['keys.directory', '/keys', '/keys2'],
    ['audit.to', 'stdout', 'audit.jsonl'],
    ['audit.sync', 'to: stdout', 'to: stdout, sync: false'],
  ])('names %s', (path, from, to) => {
    const files = { '/etc/x/new.crt': 'CERTIFICATE', '/etc/x/new.key': 'KEY' };
    expect(restartNeeded(config(), config(BASE.replace(from, to), files))).toEqual([path]);
  });

  it('names nothing for what a reload takes: certificates, sources, targets, policies, key calendars', () => {
    const text = BASE.replace('/keys }', '/keys, rotateEvery: 10d }')
      .replace('kind: token', 'kind: token\n    scopes: { a: {} }')
      .replace('trust:\n', 'trust:\n  p: { kind: oidc, issuer: https://i.example, subjects: people }\n');
    const files = { '/etc/x/tls.crt': 'RENEWED', '/etc/x/tls.key': 'RENEWED', '/etc/x/policies/b.yaml': 'rules: []' };
    expect(restartNeeded(config(), config(text, files))).toEqual([]);
  });
});

describe('renamedSources', () => {
  const names = withNamesOf(new Map(), config());
  const without = config(BASE.replace('  mesh:', '  mesh2:'));
  const other = config(BASE.replace('prod.acme.example', 'dev.acme.example'));
  const REFUSED =
    'trust.mesh proves spiffe://prod.acme.example while the broker runs and cannot become spiffe://dev.acme.example: use another name, or restart';

  it('refuses a running name with another trust domain or issuer, and takes new and removed names', () => {
    expect(renamedSources(names, other)).toEqual([REFUSED]);
    expect(renamedSources(names, without)).toEqual([]);
    const bundle = config(BASE.replace('bundles/prod', 'bundles/new'), { '/etc/x/bundles/new.json': '' });
    expect(renamedSources(names, bundle)).toEqual([]);
  });

  it('remembers a name that one reload removed, so that the next cannot give it to somebody else', () => {
    // The names were compared with the running configuration alone: two reloads did what one may not.
    const later = withNamesOf(names, without);
    expect(renamedSources(later, other)).toEqual([REFUSED]);
    expect(renamedSources(later, config())).toEqual([]);
  });
});
