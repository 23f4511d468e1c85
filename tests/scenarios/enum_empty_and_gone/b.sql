CREATE TYPE something AS ENUM ('x');
