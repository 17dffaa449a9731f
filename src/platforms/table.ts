// What a platform's tokens look like, as data: issuer, algorithms, lifetime, replay class, claims, the principal's name, and
// what a rule must pin. One file for each platform holds one table; verifiers check tokens by it, policy checks rules by it.

import type { JsonObject } from '../core/json.ts';
import { valueAt } from '../core/json.ts';
import type { SignatureAlgorithm } from '../core/outside.ts';
import type { ReplayClass } from '../core/principal.ts';
import type { SubjectTokenType } from '../core/request.ts';

/** One claim that rules and `require` may name. */
export interface ClaimRow {
  /** Member names from the root of the claims; the field's own name where it is absent. */
  readonly path?: readonly string[];
  /** A JSON string, number, boolean, or array of strings. */
  readonly type: 'text' | 'number' | 'boolean' | 'texts';
  /** A token without a required claim, or with one of another type, proves nothing. */
  readonly required?: true;
  /** The platform ignores ASCII case here, and so do rules. */
  readonly ignoreCase?: true;
  /** Values that are refused while proving, unless the source's `require` lists them. */
  readonly forbidden?: readonly (string | boolean)[];
  /** The one value with which a token proves anything; nothing in configuration changes it. */
  readonly equals?: string | boolean;
  /** What a text must look like, whole; another proves nothing. */
  readonly form?: RegExp;
  /** Why no rule may name it: whoever asks for the token chooses the value. */
  readonly never?: string;
}

/** One step of a name: a field with its value, several of them, or a word for a value. The first alternative that applies counts. */
export type NamePart =
  | { readonly field: string }
  /** All of them, or the alternative does not apply. */
  | { readonly fields: readonly string[] }
  | { readonly word: string; readonly where: string; readonly equals: string };

/** What an issuer must look like on some hosts. */
export interface IssuerForm {
  /** The whole host; absent: any. */
  readonly host?: RegExp;
  readonly form: RegExp;
  /** Ends a sentence that begins with the option's name. */
  readonly says: string;
}

/** A field that pins, with any exact value or with one. */
export interface ContextField {
  readonly field: string;
  readonly equals?: string;
}

export interface PlatformTable {
  readonly kind: string;
  /** The only issuer of the platform, where it has one that everybody shares; else the operator writes it. */
  readonly issuer?: string;
  /** Forms of issuers: the first whose host fits counts. A host without a form may have any issuer. */
  readonly issuerForms?: readonly IssuerForm[];
  /** The issuer names one tenant for good: no other can come to have it. */
  readonly ownIssuer?: true;
  /** Its tokens may say who acts (`act`) and who may (`may_act`): its issuer is one that delegates. */
  readonly delegates?: true;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** Values of the JOSE header `typ` that its tokens bear; undefined stands for its absence. */
  readonly typ: readonly (string | undefined)[];
  readonly tokenTypes: readonly SubjectTokenType[];
  /** The longest `exp - iat`, in seconds. */
  readonly lifetimeSecondsMax: number;
  /** Its tokens usually live for hours: a source should say `maxAge`. */
  readonly longLived?: true;
  /** The audience is the platform's choice, and no job can ask for another: whoever else takes it takes our tokens too. */
  readonly fixedAudience?: true;
  readonly replay: ReplayClass;
  /** Its tokens may have no `jti`: one is then told from another by its signing input. */
  readonly jtiOptional?: true;
  /** Issuers whose key signs for every tenant: `require` must then name one of `tenancy`. */
  readonly shared?: { readonly issuers: readonly string[]; readonly tenancy: readonly string[] };
  /** By field name, as rules write it. */
  readonly claims: Readonly<Record<string, ClaimRow>>;
  /** Of these lists of fields exactly one begins with a field that the token has, and the token has all of that list. */
  readonly variants?: readonly (readonly string[])[];
  /** Paths of further claims that its tokens may have, each with all below it; `*` ends a last name that only begins so. */
  readonly known?: readonly (readonly string[])[];
  /** `sub`: the whole `sub` is the name. Else its steps, each a list of alternatives. */
  readonly name: 'sub' | readonly (readonly NamePart[])[];
  /** Fields that a rule must pin: all of `all` (or `require` does), and one of `context`. */
  readonly pins: {
    readonly all: readonly string[];
    readonly context: readonly ContextField[];
    /** And one of these too, where the platform has a second context: which phase a run is in. `require` may state the one for all. */
    readonly phase?: readonly ContextField[];
  };
  /** Fields that the tightest rule for one token would state beside the pins, where the token has them. */
  readonly tight?: readonly string[];
}

/** The path of a field in the claims. */
export const fieldPath = (table: PlatformTable, field: string): readonly string[] =>
  table.claims[field]?.path ?? [field];

/** The value of a field in the claims, or undefined where it is absent. */
export const fieldValue = (table: PlatformTable, field: string, claims: JsonObject) =>
  valueAt(claims, fieldPath(table, field));

/** Lower-cases ASCII letters only: no Unicode folding, so that look-alikes stay apart. */
export const foldAscii = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** The host of an https URL that is compared byte for byte, without its port. */
export const hostOf = (issuer: string): string => /^https:\/\/([^/:]*)/.exec(issuer)?.[1] ?? '';

/** What is wrong with an issuer for this platform, as the end of a sentence; undefined where nothing is. */
export function issuerFormProblem(forms: readonly IssuerForm[], issuer: string): string | undefined {
  const host = hostOf(issuer);
  const found = forms.find((form) => form.host === undefined || form.host.test(host));
  return found && !found.form.test(issuer) ? `must be ${found.says}` : undefined;
}
