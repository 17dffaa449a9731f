// From exchequer.yaml to a `Config`: reads it, replaces references, checks it, reads every file that it names, and lists every
// problem with its position, not the first alone. `check`, start and reload all come through here. It decides nothing about
// policy and verifies no key: documents and texts are handed on.

import { createHash } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { problemAt, problemsFromZod } from '../parsing/problems.ts';
import { type Problem, readYaml, type YamlDocument } from '../parsing/yaml.ts';
import { clashes } from './clashes.ts';
import type { Config, Kinds, TlsFiles, TlsWorkload } from './config.ts';
import type { ConfigFiles } from './files.ts';
import { type Interpolated, interpolate, reasonOf } from './interpolate.ts';
import { loadPolicies, type PolicyFolder } from './policies.ts';
import { createReferences, type References } from './references.ts';
import { resolveClients, resolveSources, resolveTargets } from './resolve.ts';
import { configSchema, type WrittenConfig } from './schema.ts';
import { secretProblems } from './secrets.ts';
import { resolveStore } from './store.ts';

export interface LoadInput {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly kinds: Kinds;
  readonly files: ConfigFiles;
  /** What is loaded instead of what was written, before references in it are followed. */
  readonly overlay?: ((written: unknown) => unknown) | undefined;
}

export type Loaded =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Loads everything. Files in problems are named relative to exchequer.yaml's folder. Never throws for what is in files. */
export function loadConfig({ path, env, kinds, files, overlay = (written) => written }: LoadInput): Loaded {
  const file = basename(path);
  let text: string;
  try {
    text = files.read(resolve(path));
  } catch (error) {
    return {
      ok: false,
      problems: [{ file, line: 1, column: 1, path: '', message: `cannot be read (${reasonOf(error)})` }],
    };
  }
  const read = readYaml(file, text);
  if (!read.ok) return read;
  const document = { ...read.document, value: overlay(read.document.value) };
  const interpolated = interpolate(document, env, files.read);
  const loaded = loadDocument({ path: resolve(path), text, document, interpolated, kinds, files });
  if (loaded.ok) return loaded;
  const problems = loaded.problems.map((problem) => ({ ...problem, message: interpolated.redact(problem.message) }));
  return { ok: false, problems };
}

interface Read {
  readonly path: string;
  readonly text: string;
  readonly document: YamlDocument;
  readonly interpolated: Interpolated;
  readonly kinds: Kinds;
  readonly files: ConfigFiles;
}

function loadDocument(read: Read): Loaded {
  const { document, interpolated, kinds } = read;
  const schema = configSchema(kinds);
  const parsed = schema.safeParse(withOwnTokens(interpolated.value));
  // What a reference that could not be followed leaves behind is no second problem.
  const unresolved = new Set(interpolated.problems.map((problem) => problem.path));
  if (!parsed.success) {
    const found = problemsFromZod(document, [], parsed.error, schema).filter(({ path }) => !unresolved.has(path));
    return { ok: false, problems: inOrder([...interpolated.problems, ...found, ...policyProblems(read)]) };
  }
  return resolveConfig(read, parsed.data);
}

/** `self: {}` needs no kind: the name says it. */
function withOwnTokens(written: unknown): unknown {
  if (!isEntry(written) || !isEntry(written.trust) || !isEntry(written.trust.self)) return written;
  const { self } = written.trust;
  return { ...written, trust: { ...written.trust, self: { kind: 'self', ...self } } };
}

const isEntry = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A mistake in exchequer.yaml does not hide those in the policies, where their folders can be made out. */
function policyProblems({ path, document, interpolated, files }: Read): readonly Problem[] {
  const value = interpolated.value;
  const folders = typeof value === 'object' && value !== null && 'policies' in value ? value.policies : undefined;
  if (!Array.isArray(folders) || folders.length === 0 || !folders.every(isFolder)) return [];
  const { problems, texts } = loadPolicies({ document, base: dirname(path), folders, files });
  const unread = texts.map(([file, text]) => readYaml(file, text)).flatMap((read) => (read.ok ? [] : read.problems));
  return [...problems, ...unread];
}

const isFolder = (written: unknown): written is PolicyFolder =>
  typeof written === 'string' ||
  (typeof written === 'object' && written !== null && 'path' in written && typeof written.path === 'string');

function resolveConfig(read: Read, written: WrittenConfig): Loaded {
  const { path, text, document, interpolated, kinds, files } = read;
  const base = dirname(path);
  const references = createReferences({ document, base, files });
  const sources = resolveSources({ document, written, kinds: kinds.trust, references });
  const clients = resolveClients({ document, written, references });
  const targets = resolveTargets({ document, written, kinds: kinds.targets, references });
  const policies = loadPolicies({ document, base, folders: written.policies, files });
  const { tls, unread } = resolveTls(read, written, references);
  const store = resolveStore(written.store, base, references);
  const problems = [
    ...interpolated.problems,
    ...references.problems,
    ...secretProblems(document),
    ...policies.problems,
    ...clashes(written, sources, targets).map((clash) => problemAt(document, clash.path, clash.message)),
  ];
  if (problems.length > 0) return { ok: false, problems: inOrder(problems) };

  const { directory, rotateEvery, publishAhead } = written.keys;
  const { to } = written.audit;
  const config: Config = {
    issuer: written.issuer,
    listen: { ...written.listen.address, tls, unread },
    observe: written.observe.address,
    control: { socket: resolve(base, written.control.socket) },
    sources,
    clients,
    targets,
    document,
    policyTexts: policies.texts,
    policyScopes: policies.scopes,
    store,
    keys: { directory: resolve(base, directory), rotateEverySeconds: rotateEvery, publishAheadSeconds: publishAhead },
    audit: { ...written.audit, to: to === 'stdout' ? to : resolve(base, to) },
    files: references.files,
    redact: interpolated.redact,
    watched: [
      ...new Set([
        path,
        ...('certificate' in tls ? [tls.certificate, tls.key] : []),
        ...policies.folders,
        ...references.files.keys(),
        ...interpolated.files.keys(),
      ]),
    ],
    digest: digestOf([
      ['config', text],
      ...interpolated.inserted.map((one) => [one.reference, one.text] as const),
      ...policies.texts,
      ...references.files,
      ['certificate', 'certificate' in tls ? tls.certificatePem : tls.workloadApi],
    ]),
  };
  return { ok: true, config: deepFreeze(config) };
}

function resolveTls(
  { path }: Read,
  { listen: { tls } }: WrittenConfig,
  references: References,
): { readonly tls: TlsFiles | TlsWorkload; readonly unread: readonly Problem[] } {
  if ('workloadApi' in tls) return { tls, unread: [] };
  const certificate = references.readApart(tls.certificate, ['listen', 'tls', 'certificate']);
  const key = references.readApart(tls.key, ['listen', 'tls', 'key']);
  const files = {
    certificate: resolve(dirname(path), tls.certificate),
    key: resolve(dirname(path), tls.key),
    certificatePem: 'text' in certificate ? certificate.text : '',
    keyPem: 'text' in key ? key.text : '',
  };
  return { tls: files, unread: [certificate, key].flatMap((read) => ('problem' in read ? [read.problem] : [])) };
}

/** Over names and texts with their lengths, so that no two sets of files run together into one. */
function digestOf(parts: readonly (readonly [string, string])[]): string {
  const hash = createHash('sha256');
  for (const part of parts)
    for (const text of part) {
      const bytes = Buffer.from(text);
      hash.update(`${bytes.length}:`).update(bytes);
    }
  return hash.digest('hex');
}

/** In the order of the files as they were read, and inside a file from its top. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const files = [...new Set(problems.map(({ file }) => file))];
  const rank = new Map(files.map((file, index) => [file, index]));
  const of = ({ file }: Problem) => rank.get(file) ?? 0;
  return [...problems].sort((a, b) => of(a) - of(b) || a.line - b.line || a.column - b.column);
}

/** Policy documents are large and never handed out for writing; they are left as they are. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || value instanceof Map) return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
