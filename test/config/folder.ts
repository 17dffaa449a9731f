// A configuration in memory: files by their absolute path, and the exchequer.yaml that most tests change one thing in.

import { join } from 'node:path';
import type { ConfigFiles } from '../../src/config/files.ts';
import { type Loaded, loadConfig } from '../../src/config/load.ts';
import { KINDS } from './kinds.ts';

export const BASE = `issuer: https://sts.acme.example
listen:
  address: 0.0.0.0:8443
  tls: { certificate: tls.crt, key: tls.key }
observe: { address: "[::1]:9464" }
control: { socket: ./run/control.sock }
trust:
  mesh:
    kind: spiffe
    trustDomain: prod.acme.example
    bundle: { file: ./bundles/prod.json }
targets:
  ledger:
    kind: token
    audience: https://api.acme.example/ledger
policies: [./policies]
store: { directory: ./state }
keys: { directory: /keys }
audit: { to: stdout }
`;

export const FILES: Readonly<Record<string, string>> = {
  '/etc/x/tls.crt': 'CERTIFICATE',
  '/etc/x/tls.key': 'KEY',
  '/etc/x/bundles/prod.json': '{"keys":[]}',
  '/etc/x/policies/a.yaml': 'rules: []\n',
};

export const filesOf = (texts: Readonly<Record<string, string>>): ConfigFiles => ({
  read: (path) => readOf(texts, path),
  probe: (path) => void readOf(texts, path),
  list(path) {
    const found = Object.keys(texts).filter((file) => file.startsWith(join(path, '/')));
    if (found.length === 0) throw Object.assign(new Error('no such folder'), { code: 'ENOENT' });
    return found.map((file) => ({ path: file }));
  },
});

function readOf(texts: Readonly<Record<string, string>>, path: string): string {
  const text = texts[path];
  if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
  return text;
}

export const load = (
  text: string,
  { env = {}, files = {} }: { env?: Record<string, string>; files?: Record<string, string> } = {},
): Loaded =>
  loadConfig({
    path: '/etc/x/exchequer.yaml',
    env,
    kinds: KINDS,
    files: filesOf({ ...FILES, ...files, '/etc/x/exchequer.yaml': text }),
  });

/** Problems as `check` prints them. */
export const problems = (loaded: Loaded): readonly string[] =>
  loaded.ok ? [] : loaded.problems.map((one) => `${one.file}:${one.line}:${one.column} ${one.path}: ${one.message}`);
