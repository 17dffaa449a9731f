// Sources, clients and targets as they were written, turned into what the rest of the broker reads: common options apart from the kind's
// own, defaults filled in, the issuer or address that the kind makes of its options.

import { z } from 'zod';
import { parametersIn } from '../parsing/template.ts';
import type { YamlDocument } from '../parsing/yaml.ts';
import type { ClientConfig, SourceConfig, TargetConfig, TargetKind, TrustKind } from './config.ts';
import type { References } from './references.ts';
import type { WrittenConfig } from './schema.ts';

type Entry = Readonly<Record<string, unknown>>;

export function resolveSources(input: {
  readonly document: YamlDocument;
  readonly written: WrittenConfig;
  readonly kinds: readonly TrustKind[];
  readonly references: References;
}): readonly SourceConfig[] {
  const { document, written, kinds, references } = input;
  return Object.entries(written.trust).map(([name, entry]) => {
    const path = ['trust', name];
    const kind = kindOf(kinds, entry);
    const options = references.resolve(ownOptions(kind, entry), path);
    const common = COMMON.parse(entry);
    return {
      name,
      kind: kind.kind,
      issuer: kind.issuer(options, written.issuer),
      otherIssuers: kind.otherIssuers?.(options) ?? [],
      alone: kind.alone ?? false,
      audience: common.audience ?? kind.audience?.(options) ?? written.issuer,
      otherAudiences: common.otherAudiences === 'allow',
      // Of our own tokens always: what was granted for one hop is the most for the next.
      scopesAreCeiling: common.scopes === 'ceiling' || kind.kind === 'self',
      replay: common.replay,
      tell: common.tell,
      maxAgeSeconds: common.maxAge,
      reach: common.reach,
      require: common.require,
      accept: common.accept,
      options,
      file: document.file,
      position: document.locate(path),
    };
  });
}

export function resolveClients(input: {
  readonly document: YamlDocument;
  readonly written: WrittenConfig;
  readonly references: References;
}): readonly ClientConfig[] {
  const { document, written, references } = input;
  return Object.entries(written.clients).map(([id, entry]) => {
    const path = ['clients', id];
    const options = references.resolve(entry, path);
    return { id, options, file: document.file, position: document.locate(path) };
  });
}

export function resolveTargets(input: {
  readonly document: YamlDocument;
  readonly written: WrittenConfig;
  readonly kinds: readonly TargetKind[];
  readonly references: References;
}): readonly TargetConfig[] {
  const { document, written, kinds, references } = input;
  return Object.entries(written.targets).map(([name, entry]) => {
    const kind = kindOf(kinds, entry);
    const own = ownOptions(kind, entry);
    // Its `ca` alone is a file: a session policy may have members of any name.
    const { ca } = own;
    const options = ca === undefined ? own : { ...own, ...references.resolve({ ca }, ['targets', name]) };
    const position = document.locate(['targets', name]);
    const parameters = parametersOf(options);
    return {
      name,
      kind: kind.kind,
      address: kind.address(options, name),
      signedFor: kind.signedFor(options, { name, issuer: written.issuer }),
      parameters,
      cloud: kind.cloud !== undefined,
      accept: ACCEPTING.parse(entry).accept,
      options,
      file: document.file,
      position,
    };
  });
}

/** Every parameter in a target's texts. */
const parametersOf = (options: Entry): readonly string[] => {
  const texts = (value: unknown): readonly string[] =>
    typeof value === 'string'
      ? parametersIn(value)
      : typeof value === 'object' && value !== null
        ? Object.values(value).flatMap(texts)
        : [];
  return [...new Set(texts(options))].sort();
};

/** The common options of a source after schema.ts has checked them: a union of kinds does not carry their types. */
const COMMON = z.object({
  audience: z.string().optional(),
  otherAudiences: z.literal('allow').optional(),
  scopes: z.literal('ceiling').optional(),
  require: z.record(z.string(), z.unknown()),
  replay: z.enum(['once', 'once-per-target', 'reusable']).optional(),
  tell: z.enum(['caller', 'operator']).optional(),
  maxAge: z.number().optional(),
  reach: z.array(z.string()).optional(),
  accept: z.record(z.string(), z.string()),
});

/** A target of a kind that accepts nothing has none. */
const ACCEPTING = z.object({ accept: z.record(z.string(), z.string()).default({}) });

function kindOf<K extends TrustKind | TargetKind>(kinds: readonly K[], entry: Entry): K {
  const found = kinds.find(({ kind }) => kind === entry.kind);
  if (!found) throw new Error('the schema let a kind pass that does not exist');
  return found;
}

const ownOptions = ({ options }: TrustKind | TargetKind, entry: Entry): Entry =>
  Object.fromEntries(Object.entries(entry).filter(([name]) => Object.hasOwn(options.shape, name)));
