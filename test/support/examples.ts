// The fenced blocks of the documents, and stand-ins for the files that their configurations name (CONTRIBUTING.md, "Examples
// in documents"). What it makes is throw-away and belongs to nobody.

import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mintServerCertificate, type ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { bundleEntry } from '../../src/adapters/cli/demo/trust-domain.ts';

export interface FencedBlock {
  /** What stands behind the opening fence. */
  readonly info: string;
  readonly text: string;
  /** The line of the opening fence. */
  readonly line: number;
}

/** Every fenced block of a Markdown text. Throws where a fence is left open: the rest of the page would not be looked at. */
export function fencedBlocks(markdown: string): readonly FencedBlock[] {
  const blocks: FencedBlock[] = [];
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of markdown.split('\n').entries()) {
    if (!line.startsWith('```')) open?.lines.push(line);
    else if (!open) open = { info: line.slice(3).trim(), line: index + 1, lines: [] };
    else {
      blocks.push({ info: open.info, line: open.line, text: `${open.lines.join('\n')}\n` });
      open = undefined;
    }
  }
  if (open) throw new Error(`the block in line ${open.line} is left open`);
  return blocks;
}

/** A folder with this configuration, these policies in ./policies, and a stand-in for every other file that is named. */
export async function placeExample(configuration: string, policies: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-example-'));
  mkdirSync(join(folder, 'policies'));
  for (const [index, policy] of policies.entries()) writeFileSync(join(folder, 'policies', `${index}.yaml`), policy);
  const tls = await mintServerCertificate(['localhost']);
  // References are absolute; here they lead into the folder.
  const text = configuration.replaceAll('${file:/', `\${file:${folder}/`);
  for (const [, path = ''] of text.matchAll(/\$\{file:([^}]+\.sha256)\}/g)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${createHash('sha256').update(path).digest('hex')}\n`, { mode: 0o600 });
  }
  for (const [, path = ''] of text.matchAll(/(\.\/[\w./-]+\.(?:crt|key|json|token|pem))/g)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), standIn(path, tls), { mode: 0o600 });
  }
  const file = join(folder, 'exchequer.yaml');
  writeFileSync(file, text);
  return file;
}

function standIn(path: string, tls: ServerCertificate): string {
  if (path.endsWith('.crt') || path.endsWith('.pem')) return tls.cert;
  if (path.endsWith('.key')) return tls.key;
  if (path.endsWith('.token')) return 'header.payload.signature\n';
  if (path.endsWith('bundle.json'))
    return JSON.stringify({ keys: [publicKey('ec', 'jwt-svid'), bundleEntry({ cert: tls.ca })] });
  return JSON.stringify({ keys: [publicKey('rsa', 'sig'), publicKey('ec', 'sig')] });
}

function publicKey(type: 'rsa' | 'ec', use: 'sig' | 'jwt-svid'): object {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...pair.publicKey.export({ format: 'jwk' }), kid: `${type}-1`, use };
}
