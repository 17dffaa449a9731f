// The files of `exchequer init` as texts: one configuration, and one policy for each platform. A line with a value that nobody gave says
// where a person finds it. Writes nothing.

import { FIRST_STEPS, type FirstSteps, sourceName } from './init-platforms.ts';

export interface FirstFiles {
  /** Kinds of trust sources, each once. */
  readonly platforms: readonly string[];
  readonly issuer: string | undefined;
  /** `kind.name`, and what stands there instead of an example. */
  readonly values: ReadonlyMap<string, string>;
}

const MARK = '# FILL IN:';
const ISSUER = 'https://sts.example';

/** By path, relative to the folder; exchequer.yaml first. */
export function firstFiles({ platforms, issuer, values }: FirstFiles): ReadonlyMap<string, string> {
  const sources = platforms.flatMap((kind) => [
    `  ${sourceName(kind)}:`,
    `    kind: ${kind}`,
    ...indented(kind, 'source', values),
  ]);
  const files = new Map([['exchequer.yaml', configuration(issuer, sources)]]);
  for (const kind of platforms) files.set(`policies/${kind}.yaml`, policy(kind, values));
  return files;
}

/** How many lines wait for a person. */
export const blanksIn = (texts: Iterable<string>): number =>
  [...texts]
    .join('\n')
    .split('\n')
    .filter((line) => line.includes(MARK)).length;

const configuration = (issuer: string | undefined, sources: readonly string[]): string => `\
# Lines with "FILL IN" hold an example until somebody replaces it. \`exchequer dev\` runs this as it is; \`exchequer check\` says what
# is missing before \`exchequer serve\` does.
issuer: ${issuer ?? `${ISSUER} ${MARK} the URL at which callers reach this broker; it cannot change later`}

listen:
  address: 0.0.0.0:8443
  tls: { certificate: ./tls/tls.crt, key: ./tls/tls.key } # PEM, for the host of \`issuer\`
observe: { address: 127.0.0.1:9464 } # /livez, /readyz, /metrics
control: { socket: ./state/control.sock }

trust:
${sources.join('\n')}

targets:
  deploy:
    kind: token
    audience: https://deploy.example ${MARK} the \`aud\` that the service behind it demands
    lifetime: 15m

policies: [./policies]

store: { directory: ./state/store }
keys: { directory: ./state/keys }
audit: { to: stdout }
`;

const policy = (kind: string, values: ReadonlyMap<string, string>): string => `\
rules:
  - name: ${sourceName(kind)}-deploys
    why: "Ask the owners of this rule." ${MARK} whom a refused caller asks
    subject:
      trust: ${sourceName(kind)}
${indented(kind, 'subject', values, '      ').join('\n')}
    allow: [deploy]
`;

function indented(
  kind: string,
  part: 'source' | 'subject',
  values: ReadonlyMap<string, string>,
  indent = '    ',
): readonly string[] {
  const steps = FIRST_STEPS[kind];
  return steps ? steps[part].map((line) => indent + filled(line, kind, steps, values)) : [];
}

/** The line with its values, and how to find those that are examples. */
function filled(line: string, kind: string, { blanks }: FirstSteps, values: ReadonlyMap<string, string>): string {
  const finds: string[] = [];
  const text = line.replace(/<([A-Za-z_-]+)>/g, (whole, name: string) => {
    const blank = blanks[name];
    if (!blank) return whole;
    const value = values.get(`${kind}.${name}`);
    if (value === undefined) finds.push(blank.find);
    return value ?? blank.example;
  });
  return finds.length === 0 ? text : `${text} ${MARK} ${finds.join('; ')}`;
}
