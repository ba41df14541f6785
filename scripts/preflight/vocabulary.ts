/**
 * What a project may call the tables and columns of the contract, in French and English. The first word is the contract's
 * own. Compared without accents, underscores and upper case; a table also in the singular.
 */

export type Kind = "id" | "text" | "number" | "boolean" | "time";

export interface Wanted {
  kind: Kind;
  words: readonly string[];
  /** Without it the route can not be attached. */
  isNeeded?: true;
  /** Money: the contract counts payments in minor units, orders in the currency itself. */
  unit?: "minor" | "major";
  /** May begin with zeros, which a number loses: how many digits it has, or that nobody knows. */
  digits?: number | "unknown";
}

export type Entity = "leads" | "customers" | "requests" | "payments" | "orders";

const text = (...words: string[]): Wanted => ({ kind: "text", words });
const number = (...words: string[]): Wanted => ({ kind: "number", words });
const needed = (wanted: Wanted): Wanted => ({ ...wanted, isNeeded: true });
const price = (...words: string[]): Wanted => ({ ...needed(number(...words)), unit: "major" });

const EMAIL = text("email", "mail", "courriel", "adresse_email", "email_address");
const PHONE: Wanted = {
  ...text("phone", "telephone", "tel", "mobile", "portable", "phone_number", "numero_telephone"),
  digits: "unknown",
};
const FULL_NAME = text("full_name", "name", "nom_complet", "display_name");
const ADDRESS = text("address", "adresse", "street", "rue", "address_line1");
const CITY = text("city", "ville", "commune");
const ZIP_WORDS = ["postal_code", "zip_code", "zip", "code_postal", "cp", "postcode"];
const ZIP: Wanted = { ...text(...ZIP_WORDS), digits: 5 };
const STATUS = needed(text("status", "statut", "etat", "state"));
const CONNECTION = [
  "type_raccordement",
  "connection_type",
  "service_type",
  "type_service",
  "type_projet",
];

/** Of a person in a table that is about something else. */
const ofClient = (what: string, ...others: string[]) =>
  text(`client_${what}`, `customer_${what}`, `${what}_client`, ...others);

export const VOCABULARY: Record<
  Entity,
  { tables: readonly string[]; columns: Record<string, Wanted> }
> = {
  leads: {
    tables: ["leads", "prospects", "contacts", "form_leads"],
    columns: {
      email: EMAIL,
      phone: PHONE,
      firstname: text("firstname", "first_name", "prenom"),
      lastname: text("lastname", "last_name", "nom", "nom_famille"),
      full_name: FULL_NAME,
      connection_type: text("connection_type", ...CONNECTION),
      postal_code: ZIP,
      source: text("source", "origine"),
      utm_source: text("utm_source"),
      utm_medium: text("utm_medium"),
      utm_campaign: text("utm_campaign"),
    },
  },
  customers: {
    tables: ["customers", "clients", "profiles", "profils"],
    columns: {
      email: EMAIL,
      phone: PHONE,
      full_name: FULL_NAME,
      client_type: text("client_type", "customer_type", "type_client", "type"),
      company_name: text("company_name", "company", "entreprise", "raison_sociale", "societe"),
      siren: { ...text("siren", "numero_siren"), digits: 9 },
    },
  },
  requests: {
    tables: ["requests", "demandes", "dossiers", "connection_requests", "demandes_raccordement"],
    columns: {
      customer_id: needed({
        kind: "id",
        words: ["customer_id", "client_id", "profile_id", "id_client"],
      }),
      type_raccordement: text(...CONNECTION),
      usage: text("usage", "usages"),
      address: ADDRESS,
      city: CITY,
      zip_code: { ...ZIP, words: ["zip_code", ...ZIP_WORDS] },
      phase: text("phase", "phases"),
      power_kva: number("power_kva", "puissance_kva", "puissance", "power"),
      is_viabilise: { kind: "boolean", words: ["is_viabilise", "viabilise", "terrain_viabilise"] },
      status: STATUS,
    },
  },
  payments: {
    tables: ["payments", "paiements", "reglements", "transactions"],
    columns: {
      request_id: needed({
        kind: "id",
        words: ["request_id", "demande_id", "dossier_id", "id_demande"],
      }),
      stripe_session_id: needed(
        text(
          "stripe_session_id",
          "checkout_session_id",
          "stripe_checkout_session_id",
          "session_id",
        ),
      ),
      stripe_payment_intent_id: needed(
        text(
          "stripe_payment_intent_id",
          "payment_intent_id",
          "stripe_payment_intent",
          "payment_intent",
        ),
      ),
      amount: {
        ...needed(number("amount", "montant", "amount_cents", "montant_centimes")),
        unit: "minor",
      },
      currency: text("currency", "devise"),
      status: STATUS,
    },
  },
  orders: {
    tables: ["orders", "commandes", "shop_orders"],
    columns: {
      order_number: needed(
        text("order_number", "numero_commande", "numero", "number", "reference"),
      ),
      client_name: ofClient("name", "nom_client", "full_name", "nom_complet"),
      client_phone: {
        ...ofClient("phone", "telephone_client", ...PHONE.words),
        digits: "unknown",
      },
      client_address: ofClient("address", "adresse_client", ...ADDRESS.words),
      client_city: ofClient("city", "ville_client", ...CITY.words),
      product_name: text("product_name", "product", "produit", "nom_produit"),
      quantity: needed(number("quantity", "quantite", "qty")),
      unit_price: price("unit_price", "prix_unitaire", "price", "prix"),
      total_amount: price("total_amount", "total", "montant_total", "amount", "montant"),
      status: STATUS,
      confirmed_at: {
        kind: "time",
        words: ["confirmed_at", "confirmee_le", "confirme_le", "date_confirmation"],
      },
    },
  },
};

/** The word of a status that the contract asks for, and what else it may be called. */
export const STATUS_WORDS = {
  draft: ["draft", "brouillon"],
  succeeded: ["succeeded", "paid", "paye", "payee", "reussi"],
  refunded: ["refunded", "rembourse", "remboursee"],
  confirmed: ["confirmed", "confirme", "confirmee"],
} as const;

export function normalize(name: string): string {
  return name
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
}
