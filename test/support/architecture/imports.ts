// Rules about who may import what: arrows between folders, libraries and node's own modules in their places, no cycles.
// docs/architecture.md, "The folders". What no line here allows is a violation: a new folder has to be entered before it may import.

import type { Import, Rule, SourceFile } from './source.ts';

const LEAVES = ['parsing', 'x509', 'platforms', 'outbound', 'files'];
const STAGES = ['verifiers', 'policy', 'issuers', 'keys', 'stores', 'audit', 'config', 'dev'];
const ADAPTERS = ['adapters/http', 'adapters/observe', 'adapters/control', 'adapters/cli', 'adapters/local'];
/** A black-box client of a spawned broker: it shares no code with what it shows. */
const DEMO = 'adapters/cli/demo';
/** The one exception: a broker that may fetch from loopback, which no configuration reaches, is composed there and spawned. */
const ON_LOOPBACK = `${DEMO}/serve-on-loopback.ts`;

/** What each zone may import beside itself. */
const ARROWS: Readonly<Record<string, readonly string[]>> = Object.fromEntries([
  ['core', []],
  ...LEAVES.map((leaf) => [leaf, ['core', 'parsing']]),
  ...[...STAGES, ...ADAPTERS].map((zone) => [zone, ['core', ...LEAVES]]),
  [DEMO, []],
  [ON_LOOPBACK, ['compose.ts']],
  ['main.ts', ['compose.ts', 'core', 'adapters/cli']],
  ['compose.ts', ['core', ...LEAVES, ...STAGES, ...ADAPTERS]],
]);

/** The composition root may be several files; they count as one. */
const rooted = (path: string): string => path.replace(/^src\/compose-[a-z-]+\.ts$/, 'src/compose.ts');

/** The zone of a source file: the longest entry of ARROWS that holds it. */
function zoneOf(path: string): string | undefined {
  const inside = rooted(path).slice('src/'.length);
  const zones = Object.keys(ARROWS).filter((zone) => inside === zone || inside.startsWith(`${zone}/`));
  return zones.sort((a, b) => b.length - a.length)[0];
}

const isSource = (file: SourceFile): boolean => file.path.startsWith('src/');
const at = (file: SourceFile, line: number, what: string): string => `${file.path}:${line} ${what}`;

export const arrows: Rule = {
  title: 'arrows between folders point one way',
  check: (files) =>
    files.filter(isSource).flatMap((file) => {
      const zone = zoneOf(file.path);
      if (zone === undefined) return [at(file, 1, 'stands in no known folder')];
      return file.imports
        .filter((one) => one.target !== undefined && !arrowAllowed(zone, one.target))
        .map((one) => at(file, one.line, `${zone} imports ${one.target}`));
    }),
};

function arrowAllowed(zone: string, target: string): boolean {
  const targetZone = target.startsWith('src/') ? zoneOf(target) : undefined;
  return targetZone !== undefined && (targetZone === zone || (ARROWS[zone]?.includes(targetZone) ?? false));
}

/** Packages and modules with the places that may import them; a place ends in `/` or is one file. */
const CONFINED: readonly { readonly modules: RegExp; readonly places: readonly string[] }[] = [
  { modules: /^jose$/, places: ['src/verifiers/jose.ts', 'src/keys/', `src/${DEMO}/`] },
  { modules: /^(fastify|@fastify\/.*)$/, places: ['src/adapters/'] },
  { modules: /^@grpc\/.*$/, places: ['src/outbound/'] },
  { modules: /^ioredis$/, places: ['src/stores/redis.ts'] },
  { modules: /^@aws-sdk\/client-/, places: ['src/issuers/aws-sts.ts', `src/${DEMO}/`] },
  { modules: /^(@aws-sdk|@smithy)\/(credential-|signature-|hash-).*$/, places: ['src/outbound/', 'src/verifiers/'] },
  { modules: /^cockatiel$/, places: ['src/issuers/ask-cloud.ts'] },
  { modules: /^prom-client$/, places: ['src/adapters/observe/'] },
  { modules: /^pino$/, places: ['src/adapters/', 'src/compose.ts', 'src/main.ts'] },
  { modules: /^commander$/, places: ['src/adapters/cli/', 'src/compose.ts', 'src/main.ts'] },
  { modules: /^(node:)?(https?|http2|tls|dgram|dns)(\/.*)?$/, places: ['src/outbound/', 'src/adapters/'] },
  // The audit sink wraps the pipe on standard output, so as never to block on it; it connects to nobody.
  { modules: /^(node:)?net$/, places: ['src/outbound/', 'src/adapters/', 'src/audit/sinks.ts'] },
  { modules: /^(node:)?(child_process|cluster|vm|repl|inspector)(\/.*)?$/, places: ['src/main.ts', `src/${DEMO}/`] },
  { modules: /^(node:)?process$/, places: ['src/main.ts', `src/${DEMO}/`] },
];

export const confinement: Rule = {
  title: 'a library is imported only where its part of the work is done',
  check: (files) => files.filter(isSource).flatMap((file) => file.imports.flatMap((one) => misplaced(file, one))),
};

function misplaced(file: SourceFile, one: Import): readonly string[] {
  if (one.target !== undefined) return [];
  if (one.specifier === '(computed)') return [at(file, one.line, 'imports a computed path')];
  if (file.path.startsWith('src/core/')) return [at(file, one.line, `core imports ${one.specifier}`)];
  const allowed = CONFINED.filter(({ modules }) => modules.test(one.specifier)).every(({ places }) =>
    places.some((place) => (place.endsWith('/') ? file.path.startsWith(place) : rooted(file.path) === place)),
  );
  return allowed ? [] : [at(file, one.line, `imports ${one.specifier}`)];
}

/** The program runs without development packages; only the demo is started from a checkout that has them. */
export const installed = (dependencies: readonly string[]): Rule => ({
  title: 'the program imports only packages that it is installed with',
  check: (files) =>
    files
      .filter((file) => isSource(file) && !file.path.startsWith(`src/${DEMO}/`))
      .flatMap((file) =>
        file.imports
          .filter((one) => one.target === undefined && !one.specifier.startsWith('node:'))
          .filter((one) => !dependencies.includes(packageOf(one.specifier)))
          .map((one) => at(file, one.line, `imports ${one.specifier}, which is no dependency`)),
      ),
});

const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** A cycle of types loads, but can be read from no end: types count as well. */
export const acyclic: Rule = {
  title: 'no file imports itself by way of others, in types or in values',
  check(files) {
    const edges = new Map(files.map((file) => [file.path, file.imports.flatMap((one) => one.target ?? [])]));
    const found = new Set<string>();
    const done = new Set<string>();
    const visit = (path: string, trail: readonly string[]): void => {
      const seenAt = trail.indexOf(path);
      if (seenAt >= 0) found.add([...trail.slice(seenAt), path].join(' -> '));
      if (seenAt >= 0 || done.has(path)) return;
      for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of edges.keys()) visit(path, []);
    return [...found];
  },
};
