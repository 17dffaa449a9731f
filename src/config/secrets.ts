// Members of exchequer.yaml that hold a secret, or the hash of one: they accept nothing but a reference to where it is kept, so that no
// secret is ever committed beside the configuration.

import { problemAt } from '../parsing/problems.ts';
import { isMap, type Problem, type YamlDocument, type YamlPath } from '../parsing/yaml.ts';

const REFERENCE = /^\$\{[^}]+\}$/;

/** A problem for each secret that stands in the file itself. Never says what stands there. */
export function secretProblems(document: YamlDocument): readonly Problem[] {
  const { value } = document;
  const clients = isMap(value) && isMap(value.clients) ? value.clients : {};
  return Object.entries(clients).flatMap(([id, client]) =>
    isMap(client) && client.secret !== undefined ? written(document, client.secret, ['clients', id, 'secret']) : [],
  );
}

function written(document: YamlDocument, secret: unknown, path: YamlPath): readonly Problem[] {
  if (Array.isArray(secret)) return secret.flatMap((one, index) => written(document, one, [...path, index]));
  if (isMap(secret)) return secret.sha256 === undefined ? [] : written(document, secret.sha256, [...path, 'sha256']);
  return typeof secret === 'string' && REFERENCE.test(secret)
    ? []
    : [
        problemAt(
          document,
          path,
          `must be a reference such as \${file:/run/secrets/name}: secrets do not stand in this file`,
        ),
      ];
}
