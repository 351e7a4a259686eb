// Declares the page of a system. The compiler checks every name of a component or of an output that the page
// uses. load.ts checks the whole page when it is loaded, because Node does not check types.
import type { Component } from './component.ts';
import type { ImageFacts, Replacement, NixBase } from './image-facts.ts';
import type { CheckoutFacts, LiveFacts, MachinePage, System, SystemProfile } from './system.ts';

/** The programs of each component, by its name. */
export type Programs = Readonly<Record<string, string>>;

/**
 * The outputs of components: "kernel/hello". A component without named programs may have any output. UEFI
 * programs end with .efi.
 */
export type Outputs<P extends Programs> = {
  [Name in keyof P & string]: `${Name}/${P[Name]}` | `${Name}/${P[Name]}.efi`;
}[keyof P & string];

/** The outputs of components that are declared separately from their page. */
export type OutputsOf<Components extends Readonly<Record<string, Component>>> = {
  [Name in keyof Components & string]: Components[Name] extends {
    readonly cargo: { readonly bins: readonly (infer Bin extends string)[] };
  }
    ? `${Name}/${Bin}` | `${Name}/${Bin}.efi`
    : `${Name}/${string}`;
}[keyof Components & string];

/** A page whose names of components and outputs exist. */
export type SystemPage<P extends Programs, Profile extends string> = Omit<
  System,
  'components' | 'profiles' | 'defaultProfile' | 'image' | 'replacements' | 'nixBase' | 'live' | 'checkout'
> & {
  readonly components: { readonly [Name in keyof P]: Component<P[Name]> };
  readonly profiles: { readonly [Name in Profile]: SystemProfile<keyof P & string, Outputs<P>> };
  readonly defaultProfile?: NoInfer<Profile>;
  readonly image?: ImageFacts<Outputs<P>>;
  readonly replacements?: Readonly<Record<string, Replacement<Outputs<P>>>>;
  readonly nixBase?: NixBase<keyof P & string, Outputs<P>>;
  readonly live?: LiveFacts & { readonly component: keyof P & string };
  readonly checkout?: CheckoutFacts & {
    readonly components: { readonly [Name in keyof P]?: readonly string[] };
  };
};

/** Declares a system that is built here. */
export function defineSystem<const P extends Programs, const Profile extends string>(page: SystemPage<P, Profile>): System {
  return page;
}

/** Declares a machine that is not built here: its console is judged, and its images are booted. */
export function defineMachine(page: MachinePage): MachinePage {
  return page;
}
