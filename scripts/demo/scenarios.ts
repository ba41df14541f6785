/** What an application does, through supabase-js, and what has to reach the receivers because of it. */
import type { SupabaseClient } from "@supabase/supabase-js";
import type { RouteName } from "../../supabase/functions/crm-sync/routes.ts";

export interface Expected {
  route: RouteName;
  table: string;
  id: string;
}

export interface Scenario {
  name: string;
  story: string;
  /** Writes rows, and returns the deliveries that they mean. */
  write(application: SupabaseClient): Promise<Expected[]>;
}

type Row = Record<string, unknown>;

async function insert(application: SupabaseClient, table: string, row: Row): Promise<string> {
  const { data, error } = await application.from(table).insert(row).select("id").single();
  if (error) throw new Error(`insert into ${table}: ${error.message}`);
  return (data as { id: string }).id;
}

async function update(
  application: SupabaseClient,
  table: string,
  id: string,
  row: Row,
): Promise<void> {
  const { error } = await application.from(table).update(row).eq("id", id);
  if (error) throw new Error(`update of ${table}: ${error.message}`);
}

async function submitRequest(
  application: SupabaseClient,
  customer: Row,
  request: Row,
): Promise<string> {
  const customer_id = await insert(application, "customers", customer);
  const id = await insert(application, "requests", { customer_id, ...request, status: "draft" });
  await update(application, "requests", id, { status: "submitted" });
  return id;
}

export const SCENARIOS: Scenario[] = [
  {
    name: "lead step 1",
    story: "somebody fills in the first step of the form",
    async write(application) {
      const id = await insert(application, "leads", {
        email: "zoe.lefevre@example.test",
        phone: "+33 6 12 34 56 78",
        firstname: "Zoé",
        lastname: "Lefèvre",
        connection_type: "raccordement-definitif",
        postal_code: "01000",
        utm_source: "newsletter",
        utm_campaign: "été-2026",
      });
      return [{ route: "lead", table: "leads", id }];
    },
  },
  {
    name: "call-back",
    story: "somebody asks to be called back and leaves no email",
    async write(application) {
      const id = await insert(application, "leads", {
        full_name: "Jean-Pierre  Le Goff",
        phone: "06.98.76.54.32",
        postal_code: "29200",
        source: "contact-callback",
      });
      return [{ route: "lead", table: "leads", id }];
    },
  },
  {
    name: "complete request",
    story:
      "a company completes its request: the draft stays here, the submitted one goes out with its customer",
    async write(application) {
      const customer = {
        email: "travaux@batiments-durand.example.test",
        phone: "04 72 00 11 22",
        full_name: "Aïcha Durand",
        client_type: "professionnel",
        company_name: "Bâtiments Durand & Fils",
        siren: "552 100 554",
      };
      const id = await submitRequest(application, customer, {
        type_raccordement: "definitif",
        usage: "habitation",
        address: "12 bis, rue de l'Église",
        city: "Lyon",
        zip_code: "69005",
        phase: "triphase",
        power_kva: 36.5,
        is_viabilise: true,
      });
      return [{ route: "request", table: "requests", id }];
    },
  },
  {
    name: "payment",
    story: "a request is paid by a checkout session, whose id is known from the beginning",
    async write(application) {
      const request_id = await submitRequest(
        application,
        { email: "nadia.petit@example.test", full_name: "Nadia Petit", client_type: "particulier" },
        { type_raccordement: "provisoire", city: "Nîmes", zip_code: "30000", power_kva: 12 },
      );
      const id = await insert(application, "payments", {
        request_id,
        stripe_session_id: "cs_test_a1FakeSession",
        amount: 12900,
        currency: "eur",
      });
      return [
        { route: "request", table: "requests", id: request_id },
        { route: "payment_session", table: "payments", id },
      ];
    },
  },
  {
    name: "intent payment",
    story: "the payment's row comes first, its intent id by an update, its success by another",
    async write(application) {
      const request_id = await submitRequest(
        application,
        {
          phone: "+41 22 555 01 02",
          full_name: "Commune de Saint-Genis",
          client_type: "collectivite",
        },
        { type_raccordement: "definitif", usage: "école", city: "Saint-Genis", zip_code: "01630" },
      );
      const id = await insert(application, "payments", {
        request_id,
        amount: 249000,
        currency: "eur",
      });
      await update(application, "payments", id, { stripe_payment_intent_id: "pi_3FakeIntent" });
      await update(application, "payments", id, { status: "succeeded" });
      return [
        { route: "request", table: "requests", id: request_id },
        { route: "payment_intent", table: "payments", id },
        { route: "payment_status", table: "payments", id },
      ];
    },
  },
  {
    name: "order confirmation",
    story: "an order is placed, and confirmed later",
    async write(application) {
      const id = await insert(application, "orders", {
        order_number: "CMD-000123",
        client_name: "Hélène Faure",
        client_phone: "0145678901",
        client_address: "5 allée des Érables",
        client_city: "Paris",
        product_name: "Coffret de chantier 36 kVA",
        quantity: 2,
        unit_price: 19.9,
        total_amount: 39.8,
      });
      await update(application, "orders", id, { status: "confirmed" });
      return [{ route: "order_confirmation", table: "orders", id }];
    },
  },
];
