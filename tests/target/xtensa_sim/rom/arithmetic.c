/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ESP8266's ROM has and Debian's libgcc for it therefore leaves out: division and the long product.
 */
#include <stdint.h>

uint32_t __udivsi3(uint32_t number, uint32_t divisor);
uint32_t __umodsi3(uint32_t number, uint32_t divisor);
int32_t __divsi3(int32_t number, int32_t divisor);
uint64_t __muldi3(uint64_t left, uint64_t right);

struct division {
    uint32_t quotient;
    uint32_t remainder;
};

static struct division divide(uint32_t number, uint32_t divisor)
{
    struct division result = {0, 0};
    for (int bit = 31; bit >= 0; bit--) {
        result.remainder = result.remainder << 1 | (number >> bit & 1u);
        if (result.remainder >= divisor) {
            result.remainder -= divisor;
            result.quotient |= (uint32_t)1 << bit;
        }
    }
    return result;
}

uint32_t __udivsi3(uint32_t number, uint32_t divisor)
{
    return divide(number, divisor).quotient;
}

uint32_t __umodsi3(uint32_t number, uint32_t divisor)
{
    return divide(number, divisor).remainder;
}

int32_t __divsi3(int32_t number, int32_t divisor)
{
    uint32_t size = number < 0 ? -(uint32_t)number : (uint32_t)number;
    uint32_t by = divisor < 0 ? -(uint32_t)divisor : (uint32_t)divisor;
    uint32_t quotient = divide(size, by).quotient;
    return (int32_t)((number < 0) != (divisor < 0) ? -quotient : quotient);
}

/* Products of halves that fit into a word. */
static uint64_t product(uint32_t left, uint32_t right)
{
    uint32_t low = (left & 0xFFFFu) * (right & 0xFFFFu);
    uint32_t first = (left >> 16) * (right & 0xFFFFu);
    uint32_t second = (left & 0xFFFFu) * (right >> 16);
    uint32_t middle = (low >> 16) + (first & 0xFFFFu) + (second & 0xFFFFu);
    uint32_t high = (left >> 16) * (right >> 16) + (first >> 16) + (second >> 16) + (middle >> 16);
    return (uint64_t)high << 32 | (middle << 16 | (low & 0xFFFFu));
}

uint64_t __muldi3(uint64_t left, uint64_t right)
{
    uint32_t cross = (uint32_t)(left >> 32) * (uint32_t)right + (uint32_t)left * (uint32_t)(right >> 32);
    return product((uint32_t)left, (uint32_t)right) + ((uint64_t)cross << 32);
}
