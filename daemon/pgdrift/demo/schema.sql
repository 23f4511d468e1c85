-- A web shop as it may stand after a few years: catalogue, customers, orders, stock, billing.
create schema shop;
create schema stock;
create schema billing;
create schema api;
comment on schema shop is 'Catalogue, customers and orders';
comment on schema api is 'What the front end may read: views and functions only';

create type shop.order_status as enum ('cart', 'placed', 'paid', 'shipped', 'returned', 'cancelled');
create type billing.payment_method as enum ('card', 'transfer', 'voucher');
create type shop.address as (street text, postcode text, city text, country char(2));
create domain shop.email as text
    check (value ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$');
create domain billing.money_amount as numeric(12, 2)
    constraint not_negative check (value >= 0);

create sequence billing.invoice_number start with 10000;

create function shop.touch() returns trigger
    language plpgsql
as $$
begin
    new.updated_at := now();
    return new;
end
$$;
comment on function shop.touch() is 'Keeps updated_at right';

create table shop.customers (
    id bigint generated always as identity primary key,
    email shop.email not null,
    full_name text not null,
    home shop.address,
    newsletter boolean not null default false,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table shop.customers is 'People who registered';
comment on column shop.customers.newsletter is 'Agreed to be written to';
create unique index customers_email_key on shop.customers (lower(email));

create table shop.categories (
    id integer generated always as identity primary key,
    parent_id integer references shop.categories (id) on delete restrict,
    slug text not null unique,
    title text not null,
    constraint not_its_own_parent check (parent_id <> id)
);

create table shop.products (
    id bigint generated always as identity primary key,
    category_id integer not null references shop.categories (id),
    sku text not null unique,
    title text not null,
    description text not null default '',
    price billing.money_amount not null,
    tags text[] not null default '{}',
    attributes jsonb not null default '{}',
    active boolean not null default true,
    updated_at timestamptz not null default now()
);
create index products_category_idx on shop.products (category_id) where active;
create index products_tags_idx on shop.products using gin (tags);
create index products_title_idx on shop.products (lower(title) text_pattern_ops);

create table shop.orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references shop.customers (id),
    status shop.order_status not null default 'cart',
    shipping shop.address,
    placed_at timestamptz,
    updated_at timestamptz not null default now(),
    constraint placed_has_a_time check (status = 'cart' or placed_at is not null)
);
create index orders_customer_idx on shop.orders (customer_id, placed_at desc);
create index orders_open_idx on shop.orders (placed_at) where status in ('placed', 'paid');

create table shop.order_lines (
    order_id bigint not null references shop.orders (id) on delete cascade,
    line integer not null,
    product_id bigint not null references shop.products (id),
    quantity integer not null,
    unit_price billing.money_amount not null,
    total numeric generated always as (quantity * unit_price) stored,
    primary key (order_id, line),
    constraint quantity_is_positive check (quantity > 0)
);
create index order_lines_product_idx on shop.order_lines (product_id);

create table shop.reviews (
    product_id bigint not null references shop.products (id) on delete cascade,
    customer_id bigint not null references shop.customers (id),
    stars smallint not null,
    body text,
    created_at timestamptz not null default now(),
    primary key (product_id, customer_id),
    constraint one_to_five check (stars between 1 and 5)
);

create table stock.warehouses (
    id integer generated always as identity primary key,
    code text not null unique,
    place shop.address not null
);

create table stock.levels (
    warehouse_id integer not null references stock.warehouses (id),
    product_id bigint not null references shop.products (id),
    on_hand integer not null default 0,
    reserved integer not null default 0,
    primary key (warehouse_id, product_id),
    constraint not_oversold check (reserved <= on_hand)
);

create table stock.movements (
    id bigint generated always as identity,
    moved_at timestamptz not null default now(),
    warehouse_id integer not null references stock.warehouses (id),
    product_id bigint not null references shop.products (id),
    quantity integer not null,
    primary key (id, moved_at)
) partition by range (moved_at);
create table stock.movements_2026 partition of stock.movements
    for values from ('2026-01-01') to ('2027-01-01');
create table stock.movements_later partition of stock.movements default;
create index movements_product_idx on stock.movements (product_id, moved_at);

create table billing.invoices (
    number bigint primary key default nextval('billing.invoice_number'),
    order_id bigint not null unique references shop.orders (id),
    issued_on date not null default current_date,
    amount billing.money_amount not null,
    paid boolean not null default false
);
create index invoices_unpaid_idx on billing.invoices (issued_on) where not paid;

create table billing.payments (
    id bigint generated always as identity primary key,
    invoice_number bigint not null references billing.invoices (number),
    method billing.payment_method not null,
    amount billing.money_amount not null,
    received_at timestamptz not null default now()
);
create index payments_invoice_idx on billing.payments (invoice_number);

create function stock.available(product bigint) returns bigint
    language sql stable
    return (select coalesce(sum(l.on_hand - l.reserved), 0)
            from stock.levels as l where l.product_id = product);

create function billing.settle() returns trigger
    language plpgsql
as $$
begin
    update billing.invoices as i
       set paid = true
     where i.number = new.invoice_number
       and i.amount <= (select sum(p.amount) from billing.payments as p
                         where p.invoice_number = i.number);
    return null;
end
$$;

create function api.place_order(cart bigint) returns shop.order_status
    language plpgsql security definer
    set search_path = ''
as $$
declare
    result shop.order_status;
begin
    update shop.orders
       set status = 'placed', placed_at = now()
     where id = cart and status = 'cart'
    returning status into result;
    return result;
end
$$;

create procedure billing.write_off(before date)
    language sql
    begin atomic
        delete from billing.invoices where not paid and amount = 0 and issued_on < before;
    end;

create trigger customers_touch before update on shop.customers
    for each row execute function shop.touch();
create trigger products_touch before update on shop.products
    for each row when (old.* is distinct from new.*) execute function shop.touch();
create trigger orders_touch before update on shop.orders
    for each row execute function shop.touch();
create trigger payments_settle after insert on billing.payments
    for each row execute function billing.settle();

create view api.catalogue as
    select p.id, p.sku, p.title, p.price, c.title as category, stock.available(p.id) as available
      from shop.products as p
      join shop.categories as c on c.id = p.category_id
     where p.active;
create view api.open_orders with (security_barrier) as
    select o.id, o.customer_id, o.status, o.placed_at, sum(l.total) as total
      from shop.orders as o
      left join shop.order_lines as l on l.order_id = o.id
     where o.status in ('placed', 'paid')
     group by o.id;
create materialized view billing.revenue_by_month as
    select date_trunc('month', i.issued_on::timestamp) as month, count(*) as invoices,
           sum(i.amount) as amount
      from billing.invoices as i
     group by 1;
create unique index revenue_by_month_key on billing.revenue_by_month (month);

alter table shop.customers enable row level security;
create policy own_data on shop.customers
    for all to shop_app
    using (id = current_setting('shop.customer_id', true)::bigint);
create policy support_reads on shop.customers
    for select to shop_support using (true);
alter table shop.orders enable row level security;
create policy own_orders on shop.orders
    for all to shop_app
    using (customer_id = current_setting('shop.customer_id', true)::bigint);
create policy support_reads on shop.orders
    for select to shop_support using (status <> 'cart');
alter table billing.invoices enable row level security;
create policy own_invoices on billing.invoices
    for select to shop_app
    using (exists (select from shop.orders as o where o.id = order_id));

grant usage on schema shop, stock, billing, api to shop_app, shop_support;
grant select, insert, update on shop.customers, shop.orders, shop.order_lines to shop_app;
grant select on shop.products, shop.categories, shop.reviews to shop_app, shop_support;
grant select (id, email, full_name), update (newsletter) on shop.customers to shop_support;
grant select on shop.orders, shop.order_lines to shop_support;
grant select on api.catalogue, api.open_orders to shop_app;
grant usage on schema billing to shop_reporting;
grant select on billing.revenue_by_month to shop_reporting;
revoke execute on function api.place_order(bigint) from public;
grant execute on function api.place_order(bigint) to shop_app;
alter default privileges for role shop_owner in schema shop grant select on tables to shop_support;
